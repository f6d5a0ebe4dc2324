"""Compiled loops over passes and layers whose experts do not all fit on the device."""
