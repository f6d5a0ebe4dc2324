"""What rules need that look at scores and not at loads alone."""

from evenly.core import Floats
from evenly.train.experts.balancers import Seen
from evenly.train.experts.routing import margins


def gaps(prices: Floats, seen: Seen, who: str) -> Floats:
    """Return the margins of the step, see `routing.margins`; raise `ValueError` where the host gives no scores."""
    if seen.scores is None:
        raise ValueError(f"{who} looks at the scores of experts, which it is not given here; take sign or proportional")
    return margins(seen.scores, prices, seen.active)
