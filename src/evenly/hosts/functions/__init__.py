"""A small function platform of real processes on this machine, driven by the policies of the simulator."""
