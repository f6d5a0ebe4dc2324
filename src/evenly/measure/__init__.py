"""Measures of an uneven load and of what it costs."""
