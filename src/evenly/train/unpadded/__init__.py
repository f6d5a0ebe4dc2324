"""Encoders that compute no padding: how sequences are grouped for attention, and what that costs."""
