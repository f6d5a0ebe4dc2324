"""Prompts and decodes in two processes that share one pool of keys and values: two lanes that really run, on a CPU."""
