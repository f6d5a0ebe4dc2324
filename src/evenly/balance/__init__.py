"""Balancing algorithms that many rooms share, each with its bound."""
