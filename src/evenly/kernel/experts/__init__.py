"""Compiled choice of experts by score and price."""
