"""What goes wrong with checkpoints."""


class CheckpointError(ValueError):
    """A checkpoint was not saved, or cannot be read; the message says which file, what was found and what to do."""
