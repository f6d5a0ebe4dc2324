"""Why calls started cold: causes, and the reasons given most often."""

from collections import Counter
from collections.abc import Sequence

from evenly.core import Outcome
from evenly.report.rows import Rows
from evenly.report.units import NONE

FREQUENT = 8  # reasons that are shown


def tables(outcomes: Sequence[Outcome]) -> list[Rows]:
    """Return the cold starts of each variant by cause and by reason; nothing where no run tells them."""
    told = [outcome for outcome in outcomes if "cause" in outcome.items]
    causes, reasons = ([_counted(outcome, name) for outcome in told] for name in ("cause", "reason"))
    many = sum(reasons, Counter[str]())
    some = [reason for reason, _ in many.most_common(FREQUENT)]
    heads = tuple(outcome.label or "run" for outcome in told)
    return [
        Rows(
            "Why calls started cold",
            "The first cause that holds: a pod on its way with room for the call, pods that are all busy, one that was "
            "released before the call came, or none ever.",
            ("cause", *heads),
            tuple((name, *(_share(count, name) for count in causes)) for name in sorted(sum(causes, Counter[str]()))),
        ),
        Rows(
            "Reasons given most often",
            "Seconds between a pod's last call, or its start ahead of one, and the call that missed it; and for how "
            "long the pod was kept. Two digits.",
            ("reason", *heads),
            tuple((name, *(_share(count, name) for count in reasons)) for name in some),
        ),
    ]


def _counted(outcome: Outcome, name: str) -> Counter[str]:
    """Return how often each text stands in a column; empty ones do not count."""
    counts = Counter(str(text) for text in outcome.items[name])
    counts.pop("", None)
    return counts


def _share(counts: Counter[str], name: str) -> str:
    return f"{counts[name]:,} ({counts[name] / counts.total():.1%})" if counts[name] else NONE
