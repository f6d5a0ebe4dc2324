"""The exams of the rooms for experts of a layer: what an affinity, assignment or balancer promises.

Each takes an object and raises `AssertionError` with a sentence that says which promise is broken.

>>> from evenly.train.experts.balancers.sign import Sign
>>> check_balancer(Sign())
"""

import numpy as np

from evenly.train.experts.affinities import Affinity, Shape
from evenly.train.experts.assignments import Assignment
from evenly.train.experts.balancers import Balancer, Seen
from evenly.train.experts.routing import routed

SHAPE = Shape(layers=2, tokens=48, experts=8, active=2)
CASES = 12  # random batches that a balancer or assignment sees
CLOSE = 1e-12


def check_affinity(affinity: Affinity, seeded: bool = True) -> None:
    """Scores are numbers from 0 to 1, the same for the same seed, step and layer; `seeded`: others for another seed."""
    scores = affinity.draw(SHAPE, 1, 3, seed=5)
    assert scores.shape == (SHAPE.tokens, SHAPE.experts), f"{affinity}: scores have shape {scores.shape}"
    assert ((scores >= 0) & (scores <= 1)).all(), f"{affinity}: a score is not from 0 to 1"
    assert scores.flags.c_contiguous, f"{affinity}: compiled code needs rows one after the other"
    again = affinity.draw(SHAPE, 1, 3, seed=5)
    assert (scores == again).all(), f"{affinity}: the same draw differs"
    assert not seeded or (scores != affinity.draw(SHAPE, 1, 3, seed=6)).any(), f"{affinity}: the seed changes nothing"


def check_assignment(assignment: Assignment) -> None:
    """Flags of tokens and experts, the same each time, no more than were asked for; the order of experts is free."""
    chance = np.random.default_rng(33)
    for _ in range(CASES):
        scores, prices = chance.random((SHAPE.tokens, SHAPE.experts)), chance.normal(0.0, 0.1, SHAPE.experts)
        taken = assignment.assign(scores, prices, SHAPE.active)
        assert taken.shape == scores.shape, f"{assignment}: not a flag for each token and expert"
        assert taken.dtype == np.bool_, f"{assignment}: not a flag for each token and expert"
        assert taken.sum() <= SHAPE.active * SHAPE.tokens, f"{assignment}: more work than was asked for"
        assert (taken == assignment.assign(scores, prices, SHAPE.active)).all(), f"{assignment}: differs each time"
        turned = chance.permutation(SHAPE.experts)
        other = assignment.assign(np.ascontiguousarray(scores[:, turned]), prices[turned], SHAPE.active)
        assert (other == taken[:, turned]).all(), f"{assignment}: the order of experts matters"


def check_balancer(balancer: Balancer) -> None:
    """Prices stay numbers, hang on no order of the experts and on no common offset; what was given is unchanged."""
    chance = np.random.default_rng(34)
    for step in range(1, CASES):
        scores, prices = chance.random((SHAPE.tokens, SHAPE.experts)), chance.normal(0.0, 0.1, SHAPE.experts)
        counts, _ = routed(scores, prices, SHAPE.active)
        before = prices.copy()
        after = balancer.update(prices, Seen(counts, step, SHAPE.active, scores))
        assert np.isfinite(after).all(), f"{balancer}: a price is not a number"
        assert after.shape == prices.shape, f"{balancer}: not a price for each expert"
        assert (prices == before).all(), f"{balancer}: changes the prices that it was given"
        turned = chance.permutation(SHAPE.experts)
        seen = Seen(counts[turned], step, SHAPE.active, np.ascontiguousarray(scores[:, turned]))
        other = balancer.update(prices[turned], seen)
        assert np.allclose(other, after[turned], rtol=0, atol=CLOSE), f"{balancer}: the order of experts matters"
        lifted = balancer.update(prices + 5.0, Seen(counts, step, SHAPE.active, scores)) - 5.0
        assert np.allclose(lifted, after, rtol=0, atol=CLOSE * 100), f"{balancer}: a common offset matters"
