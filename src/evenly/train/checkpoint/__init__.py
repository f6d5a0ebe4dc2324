"""Checkpoints of a training job: the domain of the scenario kind `checkpoint`.

Room: `savers` say how long training waits for a checkpoint.
"""
