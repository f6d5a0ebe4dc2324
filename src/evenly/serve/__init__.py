"""LLM serving: engines, routers and the policies inside a replica, on one compiled kernel."""
