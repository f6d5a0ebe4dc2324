"""A small language model with sparse experts, trained on two processes with every part of evenly on or off.

`torchrun --nproc-per-node 2 -m examples.training --on all` trains; `python -m examples.training.compare` trains with
all parts off, with each alone and with all of them, and draws what that does. `train` is the file to read first.
"""
