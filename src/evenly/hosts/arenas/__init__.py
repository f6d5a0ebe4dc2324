"""Contexts that really move between two memories on this machine: a device arena, a host arena, and copying threads."""
