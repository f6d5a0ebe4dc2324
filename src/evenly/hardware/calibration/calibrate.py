"""Put a fit together with where it comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenly.core import Bools, Ints
from evenly.hardware.calibration.engine import Bound, Calibration, Figures, Limits, Residual, Source
from evenly.hardware.calibration.fit import TERMS, Fit
from evenly.hardware.calibration.steps import KINDS, Steps

BINS = 6  # sizes of a pass that the table of residuals tells apart, for each kind
DIGITS = 6  # of a figure in the file


def calibration(
    steps: Steps, found: Fit, header: Mapping[str, Any], sources: Sequence[Source], delivery: float = 0.0
) -> Calibration:
    """Return the calibration of an engine; `sources` tell name, digest and number of passes in order of `steps`."""
    limits = {name: header[name] for name in Limits.__slots__ if name in header}
    figures = Figures(
        tokens=tuple(found.knots.tolist()),
        seconds=tuple(np.maximum.accumulate([_short(value) for value in found.curve]).tolist()),
        **{name: _short(found.terms[name]) for name in TERMS},
        host=_short(found.host),
        request=_short(found.request),
        level=_short(found.level),
        delivery=_short(delivery),
    )
    return Calibration(
        format="evenly-engine",
        version=1,
        engine=str(header.get("engine", "")),
        model=str(header.get("model", "")),
        machine=str(header.get("machine", "")),
        policy=", ".join(f"{slot} {_told(plugin)}" for slot, plugin in dict(header.get("policy") or {}).items()),
        limits=Limits(**limits) if "max_num_seqs" in limits else None,
        cost=figures,
        confidence=tuple(Bound(name, _short(low), _short(high)) for name, (low, high) in found.bounds.items()),
        residuals=tuple(residuals(steps, found)),
        sources=_judged(sources, steps, found),
        untold=found.untold,
    )


def residuals(steps: Steps, found: Fit) -> list[Residual]:
    """Return how well the passes are met, by kind and size."""
    kinds, tokens = steps.kind(), steps.tokens
    rows = []
    for place, kind in enumerate(KINDS):
        mine = kinds == place
        if not mine.any():
            continue
        edges = _edges(tokens[mine])
        size = np.searchsorted(edges, tokens, side="right")
        for part in range(1, len(edges) + 1):
            here = mine & (size == part)
            if here.any():
                rows.append(_residual(kind, steps, found, tokens, here))
    return rows


def _residual(kind: str, steps: Steps, found: Fit, tokens: Ints, here: Bools) -> Residual:
    error = steps.seconds[here] / found.fitted[here] - 1.0
    low, middle, high = (_short(float(value)) for value in np.quantile(error, [0.1, 0.5, 0.9]))
    return Residual(
        kind=kind,
        tokens=(int(tokens[here].min()), int(tokens[here].max())),
        passes=int(here.sum()),
        measured=_short(float(np.median(steps.seconds[here]))),
        fitted=_short(float(np.median(found.fitted[here]))),
        p10=low,
        p50=middle,
        p90=high,
        outliers=int(found.outliers[here].sum()),
    )


def _edges(tokens: Ints) -> Ints:
    """Return the least size of each bin; bins hold about as many passes each."""
    cuts = np.quantile(tokens, np.linspace(0, 1, BINS + 1)[:-1], method="higher")
    return np.unique(cuts.astype(np.int64))


def _judged(sources: Sequence[Source], steps: Steps, found: Fit) -> tuple[Source, ...]:
    ends = np.cumsum([0, *(source.passes for source in sources)])
    error = steps.seconds / found.fitted - 1.0
    return tuple(
        Source(s.file, s.sha256, s.started, s.passes, _short(float(np.median(error[a:b]))))
        for s, a, b in zip(sources, ends[:-1], ends[1:], strict=True)
    )


def _told(plugin: Any) -> str:
    """Return a plug-in and its knobs in one line."""
    if not isinstance(plugin, Mapping):
        return str(plugin)
    knobs = " ".join(f"{key} {value}" for key, value in plugin.items() if key != "use")
    return f"{plugin.get('use', '')} ({knobs})" if knobs else str(plugin.get("use", ""))


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
