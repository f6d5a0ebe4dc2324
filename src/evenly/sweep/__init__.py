"""Many runs: comparisons, grids, replications, and the run folder."""
