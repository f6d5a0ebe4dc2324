"""Kernel times that others measured: readers of their formats, all into one shape."""
