"""The exam of the room for savers: what each promises.

It takes an object and raises `AssertionError` with a sentence that says which promise is broken.

>>> from evenly.train.checkpoint.savers.lazy import Lazy
>>> check_saver(Lazy())
"""

import numpy as np

from evenly.train.checkpoint.savers import Saver
from evenly.train.checkpoint.timeline import Machine, timeline

MACHINES = (
    Machine(1.0, 0.9, 0.1, 20.0, 5.0, 2.0, 2.0),
    Machine(1.0, 0.9, 0.1, 0.7, 5.0, 2.0, 2.0),
    Machine(1.0, 0.9, 0.1, 20.0, 5.0, 0.4, 1.0),
)


def check_saver(saver: Saver) -> None:
    """Hold that no piece is updated before it is copied, that nothing goes back in time, and that calls are alike."""
    chance = np.random.default_rng(0)
    for _ in range(50):
        begin = float(chance.uniform(0.0, 9.0))
        copied = begin + np.cumsum(chance.uniform(0.0, 0.2, 7))
        written = np.maximum.accumulate(copied + chance.uniform(0.0, 2.0, 7))
        before = copied.copy(), written.copy()
        forward, update = saver.hold(begin, copied, written)
        assert forward >= begin, "forward begins before the checkpoint was asked for"
        assert update.shape == copied.shape, f"{len(copied)} pieces have {update.shape} moments"
        assert (update >= copied).all(), "a piece is updated before it is copied"
        assert (np.diff(update) >= 0).all(), "pieces are updated out of order"
        assert np.array_equal(copied, before[0]), "the moments of copies were changed"
        assert np.array_equal(written, before[1]), "the moments of writes were changed"
        assert saver.hold(begin, copied, written)[0] == forward, "a second call differs"
    for machine in MACHINES:
        made = timeline(machine, saver, 1, 20)
        assert (made.stall >= 0).all(), "a checkpoint speeds training up"
        assert (np.diff(made.durable) > 0).all(), "checkpoints reach storage out of order"
