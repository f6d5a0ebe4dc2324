"""The kernel of a pipeline: passes that wait for the one before them and for what they need, in compiled code."""
