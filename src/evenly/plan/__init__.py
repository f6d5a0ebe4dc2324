"""Plans: how a model is cut over devices, what each cut costs, and which one serves a trace best."""
