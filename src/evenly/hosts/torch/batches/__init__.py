"""Balanced batches in PyTorch: a batch sampler for `DataLoader`, a scale of the loss for DDP, and measured step times.

`sampler` deals global batches across ranks by predicted cost, `loss` keeps the gradient that of the whole batch,
`timing` fits the cost model to the training's own times, `exchange` deals batches whose lengths nobody knows ahead,
and `measure` says what it is worth on this machine. Whoever imports them needs torch only where it computes.
"""
