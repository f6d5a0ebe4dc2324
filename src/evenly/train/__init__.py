"""Training: batches dealt to ranks, pipelines of stages, experts of a layer, checkpoints; each in a package."""
