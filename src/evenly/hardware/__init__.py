"""Accelerators, links and models as data; cost models; memory and power."""
