"""Passes of an engine whose cost is known, as if they had been measured."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenly.core import Floats
from evenly.hardware.calibration.engine import Calibration, Figures, Limits, write
from evenly.hardware.calibration.steps import Steps

TRUTH = Figures(
    tokens=(1, 16, 64, 512),
    seconds=(0.02, 0.02, 0.035, 0.2),
    pair=4e-7,
    context=2e-6,
    decode=4e-4,
    prompt=3e-3,
    alone=5e-3,
    host=6e-4,
    request=6e-5,
)
HEADER: dict[str, Any] = {
    "format": "evenly-steps",
    "version": 1,
    "engine": "vllm 0.32.0",
    "model": "tiny",
    "block": 16,
    "blocks": 2048,
    "max_num_seqs": 32,
    "max_num_batched_tokens": 512,
    "max_model_len": 2048,
    "policy": {"order": "first-come"},
    "machine": "a bench",
    "started": "2026-01-02T03:04:05+00:00",
}
GAP = 0.25  # of the host's seconds stand between the end of a pass and the beginning of the next


def engine(truth: Figures = TRUTH) -> Calibration:
    """Return the calibration that a perfect fit would give."""
    limits = Limits(16, 2048, 32, 512, 2048)
    return Calibration("evenly-engine", 1, "vllm 0.32.0", "tiny", "a bench", "", limits, truth, (), (), ())


def engine_file(folder: Path, truth: Figures = TRUTH) -> Path:
    """Write an engine whose cost is `truth`."""
    path = folder / "truth.yaml"
    path.write_text(write(engine(truth)), encoding="utf-8")
    return path


def true_seconds(truth: Figures, steps: Steps) -> tuple[Floats, Floats]:
    """Return the seconds inside the model and on the host of passes."""
    inside = np.interp(np.clip(steps.tokens, truth.tokens[0], truth.tokens[-1]), truth.tokens, truth.seconds)
    inside = inside + truth.pair * steps.pairs + truth.context * steps.context
    inside = inside + truth.decode * steps.decodes + truth.prompt * steps.prompts
    inside = inside + truth.alone * (steps.decodes == 0)
    return np.asarray(inside), np.asarray(truth.host + truth.request * (steps.decodes + steps.prompts), np.float64)


def passes(count: int, seed: int, noise: float = 0.05, outliers: float = 0.02, truth: Figures = TRUTH) -> Steps:
    """Return random passes of a mixed load; each takes its true time, times noise, and some thrice as long."""
    chance = np.random.default_rng(seed)
    kind = chance.integers(0, 3, count)
    decodes = np.where(kind == 2, 0, chance.integers(1, 32, count))
    pieces = np.where(kind == 0, 0, chance.integers(1, 4, count))
    offsets = np.concatenate(([0], np.cumsum(pieces)))
    chunk = np.exp(chance.uniform(0, np.log(160), offsets[-1])).astype(np.int64)
    before = chance.integers(0, 100, offsets[-1]) * 16
    mean = np.exp(chance.uniform(np.log(16), np.log(1500), count))
    context = (decodes * mean).astype(np.int64)
    zero = np.zeros(count)
    longest = mean.astype(np.int64)
    bare = Steps(zero, zero, zero, zero, offsets, chunk, before, decodes, context, longest, decodes + pieces)
    return timed(bare, truth, noise, outliers, chance)


def timed(bare: Steps, truth: Figures, noise: float, outliers: float, chance: np.random.Generator) -> Steps:
    """Return passes one after the other, each as long as it truly takes, times noise."""
    inside, host = true_seconds(truth, bare)
    slow = np.where(chance.random(len(bare)) < outliers, 3.0, 1.0)
    inside = inside * np.exp(noise * chance.standard_normal(len(bare))) * slow
    seconds = inside + host * np.exp(noise * chance.standard_normal(len(bare)))
    begin = np.concatenate(([0.0], np.cumsum(seconds)[:-1]))
    done = begin + seconds - GAP * (seconds - inside)
    columns = (bare.offsets, bare.chunk, bare.before, bare.decodes, bare.context, bare.longest, bare.running)
    return Steps(begin, done, seconds, inside, *columns)


def log_lines(steps: Steps) -> list[dict[str, Any]]:
    """Return the passes as a scheduler logs them."""
    lines = []
    for i in range(len(steps)):
        pieces = range(int(steps.offsets[i]), int(steps.offsets[i + 1]))
        planned = steps.begin[i] + 0.25 * (steps.done[i] - steps.begin[i] - steps.computing[i])
        lines.append(
            {
                "begin": float(steps.begin[i]),
                "planned": float(planned),
                "computed": float(min(planned + steps.computing[i], steps.done[i])),
                "done": float(steps.done[i]),
                "chunks": [[int(steps.chunk[k]), int(steps.before[k])] for k in pieces],
                "decodes": int(steps.decodes[i]),
                "context": int(steps.context[i]),
                "longest": int(steps.longest[i]),
                "free": 100,
                "waiting": 0,
                "running": int(steps.running[i]),
                "preempted": 0,
            }
        )
    return lines


def log_file(
    path: Path, lines: Sequence[Mapping[str, Any]], header: Mapping[str, Any] = HEADER, end: str = "\n"
) -> Path:
    """Write a step log."""
    path.write_text("\n".join(json.dumps(line) for line in (header, *lines)) + end, encoding="utf-8")
    return path
