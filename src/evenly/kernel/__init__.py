"""Compiled event loops, and the bridge that lets a policy be compiled or plain Python."""
