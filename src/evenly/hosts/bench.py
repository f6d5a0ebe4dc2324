"""What a result of `vllm bench serve --save-detailed` tells of an engine's passes.

A gap between tokens in which no prompt was under way is a pass of as many decodes as requests were answering. The time
to the first token of a request that was alone is the pass of its prompt, network included.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.hardware.calibration.steps import Steps
from evenly.hosts.steps import StepLog

LISTS = ("input_lens", "output_lens", "ttfts", "itls")
LOWEST = 0.1  # share of gaps and of first tokens that count as undisturbed where nobody knows who ran beside whom
BINS = 8  # of prompt lengths, each with its own undisturbed share
MISSING = (
    "a bench result tells of decodes and of lone prompts only: mixed passes, host, budget, blocks and seats are not in "
    "it; prompts are taken as one piece, and their time holds the network's"
)
ALONE = "it has no start_times, so the fastest tenth of gaps and first tokens counts as a lone request's"


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """The requests of a bench result that were answered in full."""

    prompt: Ints
    output: Ints
    ttft: Floats
    gaps: tuple[Floats, ...]
    start: Floats | None


def read(path: Path) -> StepLog:
    """Read a bench result as passes.

    Raises `ValueError` that names file, field and value if it is none, was saved without details, or holds no request
    whose gaps are all there.
    """
    found = _load(path)
    requests = _requests(path, found)
    steps, notes = (_lone(requests), (ALONE,)) if requests.start is None else (_timed(requests), ())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    header = {
        "engine": str(found.get("backend", "")),
        "model": str(found.get("model_id", "")),
        "started": str(found.get("date", "")),
    }
    return StepLog(path, digest, header, steps, tuple(f"{path}: {note}" for note in (MISSING, *notes)))


def items(path: Path) -> dict[str, Array]:
    """Return what a bench result says of each request, in its order; NaN in `finish` where it failed.

    Raises `ValueError` if it was saved without details, or without the times at which requests were sent.
    """
    found = _load(path)
    if not isinstance(found.get("start_times"), list):
        raise ValueError(f"{path}: no list start_times, so nobody knows the load; write it with `evenly replay`")
    count = len(found["ttfts"])
    start, ttft = (np.array([_number(path, found, name, i) for i in range(count)]) for name in ("start_times", "ttfts"))
    prompt, output = (
        np.array([_number(path, found, name, i) for i in range(count)], np.int64)
        for name in ("input_lens", "output_lens")
    )
    gaps = [_gaps(path, found, i) for i in range(count)]
    errors = found.get("errors") or [""] * count
    good = np.array([not error for error in errors]) & (ttft > 0)
    first = np.where(good, start + ttft, np.nan)
    return {
        "arrival": start - start.min(initial=np.inf),
        "first_token": first - start.min(initial=np.inf),
        "finish": first + np.array([math.fsum(some) for some in gaps]) - start.min(initial=np.inf),
        "prompt": prompt,
        "output": output,
        "worst_gap": np.array([max(some, default=0.0) for some in gaps]),
    }


def _load(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}); is it a result of `vllm bench serve`?") from None
    missing = [name for name in LISTS if not isinstance(found, dict) or not isinstance(found.get(name), list)]
    if missing:
        raise ValueError(
            f"{path}: no list {', '.join(missing)}; save it with `vllm bench serve --save-result --save-detailed`"
        )
    return dict(found)


def _requests(path: Path, found: dict[str, Any]) -> Requests:
    count = len(found["ttfts"])
    starts = found.get("start_times")
    for name in (*LISTS, *(["start_times"] if starts is not None else [])):
        if len(found[name]) != count:
            raise ValueError(f"{path}: {name} has {len(found[name])} entries, ttfts has {count}; save the result again")
    whole = [
        i
        for i in range(count)
        if _number(path, found, "output_lens", i) == len(_gaps(path, found, i)) + 1
        and _number(path, found, "ttfts", i) > 0
        and _number(path, found, "input_lens", i) >= 1
    ]
    if not whole:
        raise ValueError(
            f"{path}: none of {count} requests has a gap for every token; were they answered and streamed?"
        )

    def column(name: str) -> Floats:
        return np.array([_number(path, found, name, i) for i in whole], np.float64)

    return Requests(
        prompt=column("input_lens").astype(np.int64),
        output=column("output_lens").astype(np.int64),
        ttft=column("ttfts"),
        gaps=tuple(np.array(_gaps(path, found, i), np.float64) for i in whole),
        start=column("start_times") if starts is not None else None,
    )


def _number(path: Path, found: dict[str, Any], name: str, i: int) -> float:
    value = found[name][i]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{path}: {name}[{i}] is a number of at least 0, not {value!r}; save the result again")
    return float(value)


def _gaps(path: Path, found: dict[str, Any], i: int) -> Sequence[float]:
    gaps = found["itls"][i]
    if not isinstance(gaps, list) or not all(isinstance(gap, int | float) and 0 <= gap < math.inf for gap in gaps):
        raise ValueError(f"{path}: itls[{i}] is a list of seconds, not {str(gaps)[:60]}; save the result again")
    return gaps


def _timed(requests: Requests) -> Steps:
    """Return the passes where it is known when each request started."""
    start = requests.start
    assert start is not None
    first = start + requests.ttft
    last = first + np.array([gaps.sum() for gaps in requests.gaps])
    order = np.argsort(first, kind="stable")
    leaves = np.concatenate(([-np.inf], np.maximum.accumulate(last[order])[:-1]))
    begins, ends = [], []
    for i, until in zip(order, leaves, strict=True):  # a pass is seen by all who run; who runs longest tells it
        times = first[i] + np.concatenate(([0.0], np.cumsum(requests.gaps[i])))
        mine = times[:-1] >= until
        begins.append(times[:-1][mine])
        ends.append(times[1:][mine])
    begin, end = np.concatenate(begins), np.concatenate(ends)
    middle = 0.5 * (begin + end)
    still = _sum(start, middle) - _sum(first, middle) == 0
    decodes = (_sum(first, middle) - _sum(last, middle)).astype(np.int64)
    given = _sum(np.concatenate([_emitted(f, g) for f, g in zip(first, requests.gaps, strict=True)]), middle)
    held = (
        _sum(first, middle, requests.prompt) - _sum(last, middle, requests.prompt + requests.output) + given - decodes
    )
    good = still & (decodes > 0) & (end > begin)
    others = (_sum(start, first) - _sum(last, start)) == 1
    return _steps(
        np.concatenate([begin[good], start[others]]),
        np.concatenate([(end - begin)[good], requests.ttft[others]]),
        np.concatenate([decodes[good], np.zeros(others.sum(), np.int64)]),
        np.concatenate([held[good].astype(np.int64), np.zeros(others.sum(), np.int64)]),
        np.concatenate([np.zeros(good.sum(), np.int64), requests.prompt[others]]),
    )


def _lone(requests: Requests) -> Steps:
    """Return the fastest gaps as lone decodes, and the fastest first tokens of each prompt length as lone prompts."""
    gaps = np.concatenate(requests.gaps)
    held = np.concatenate([p + np.arange(len(g)) for p, g in zip(requests.prompt, requests.gaps, strict=True)])
    quick = gaps <= np.quantile(gaps, LOWEST) if len(gaps) else np.zeros(0, np.bool_)
    edges = np.unique(np.quantile(requests.prompt, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, requests.prompt, side="right")
    limit = np.array([np.quantile(requests.ttft[bins == b], LOWEST) if (bins == b).any() else 0.0 for b in range(BINS)])
    alone = requests.ttft <= limit[bins]
    count = int(quick.sum())
    zeros = np.zeros(int(alone.sum()), np.int64)
    return _steps(
        np.arange(count + len(zeros), dtype=np.float64),
        np.concatenate([gaps[quick], requests.ttft[alone]]),
        np.concatenate([np.ones(count, np.int64), zeros]),
        np.concatenate([held[quick].astype(np.int64), zeros]),
        np.concatenate([np.zeros(count, np.int64), requests.prompt[alone]]),
    )


def _emitted(first: float, gaps: Floats) -> Floats:
    return np.asarray(first + np.concatenate(([0.0], np.cumsum(gaps))))


def _sum(times: Floats, at: Floats, weights: Ints | None = None) -> Floats:
    """Return the sum of the weights (1 each by default) of what happened until each moment of `at`."""
    order = np.argsort(times, kind="stable")
    total = np.concatenate(([0.0], np.cumsum(np.ones(len(times)) if weights is None else weights[order])))
    return np.asarray(total[np.searchsorted(times[order], at, side="right")])


def _steps(begin: Floats, seconds: Floats, decodes: Ints, context: Ints, prompt: Ints) -> Steps:
    order = np.argsort(begin, kind="stable")
    sizes = prompt[order]
    pieces = sizes[sizes > 0]
    held, count, start = context[order], decodes[order], begin[order]
    return Steps(
        begin=start,
        done=start + seconds[order],
        seconds=seconds[order],
        computing=np.full(len(begin), np.nan),
        offsets=np.concatenate(([0], np.cumsum(sizes > 0))),
        chunk=pieces,
        before=np.zeros(len(pieces), np.int64),
        decodes=count,
        context=held,
        longest=held // np.maximum(count, 1),
        running=count,
    )
