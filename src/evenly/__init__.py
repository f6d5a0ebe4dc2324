"""Measure, compare, plan and cure uneven work in AI systems."""

__version__ = "0.1.0"
