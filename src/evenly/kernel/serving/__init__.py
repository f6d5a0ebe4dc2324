"""The serving kernel: replicas that run passes over requests, in compiled code.

Nothing here is imported before a run: numba takes half a second.
"""
