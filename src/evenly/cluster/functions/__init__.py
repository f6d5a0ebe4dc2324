"""Functions that are called seldom and start cold: the domain of the scenario kind `functions`."""
