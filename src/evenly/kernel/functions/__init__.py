"""The event loop of a function platform: calls, pods that serve them, pools that pods are taken from."""
