"""Experts that really compute: a process for the CPU side, one for the device, and a throttled link between them.

`network` holds the experts and computes them plainly, `link` moves them, `worker` is a side, `engine` runs passes under
any scheduler, cache and prefetch of `evenly.offload`, and `measure` says what they are worth on this machine.
"""
