"""A training that is as small as a test."""

from evenly.hosts.torch.experts.gpt import Size
from examples.training.parts import Run

SMALL = Size(vocabulary=128, layers=2, width=32, heads=2, experts=4, active=2, inner=16, length=64)
RUN = Run(SMALL, micro=4, documents=3, steps=6, every=2, double=True)
