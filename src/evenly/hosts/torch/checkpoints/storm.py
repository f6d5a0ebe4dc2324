"""Kill a run with checkpoints again and again, and see whether it goes on as if nothing had been.

`python -m evenly.hosts.torch.checkpoints.storm KILLS SEED` prints what it found. Runs are forked from a process that
has torch loaded, which takes some milliseconds; half of them are killed after a random time, half at a named point.
"""

import json
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from evenly.hosts.torch.checkpoints import folder as versions
from evenly.hosts.torch.checkpoints.checkpoints import Checkpoints
from evenly.hosts.torch.checkpoints.trainer import Trainer

POINTS = ("copied", "written", "before fsync", "before rename", "before manifest", "committed")
STEPS = 60  # of a run; then another one begins
LONGEST = 0.06  # seconds from the first step, of one run in twelve from its start, until it is killed
NAP = 1e-3
MOST_PASSES = 12  # of a point until it is killed there


@dataclass(slots=True)
class Found:
    """Counts over all runs."""

    kills: int = 0
    "Runs that were killed before they ended."
    ended: int = 0
    "Runs that ended."
    resumed: int = 0
    "Runs that began from a checkpoint."
    steps: int = 0
    "Steps that were compared with those of a run that nobody killed."
    wrong: int = 0
    "Steps among them whose loss differs in any bit."
    lost: int = 0
    "Kills after which a version that was complete before is no longer there, or is not what the next run begins from."
    behind: int = 0
    "Most versions that had been asked for and were not complete when a run was killed."


class Board:
    """What a run writes down where its parent can read it after its death."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, 8 * (5 + STEPS))
        self.counts = np.frombuffer(self.memory, np.int64, 5)  # first step, steps, asked for, complete; begun
        self.losses = np.frombuffer(self.memory, np.float64, STEPS, 40)


def storm(kills: int, seed: int) -> dict[str, int]:
    """Return what `python -m` with this module finds, in a process of its own that has no threads when it forks."""
    command = [sys.executable, "-m", __name__, str(kills), str(seed)]
    told: dict[str, int] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def main(kills: int, seed: int) -> Found:
    """Kill so many runs."""
    torch.set_num_threads(1)
    warm = Trainer(seed)
    warm.optimizer.step()  # loads what torch loads late, once for all runs
    chance = random.Random(seed)
    reference, found = _reference(seed), Found()
    with tempfile.TemporaryDirectory() as root:
        part = complete = 0
        while found.kills < kills:
            folder = Path(root) / str(part)
            ended, complete = _once(folder, seed, chance, reference, found, complete)
            if ended:
                part, complete = part + 1, 0
    return found


def _reference(seed: int) -> list[float]:
    """Return the losses of a run that nobody kills."""
    board = Board()
    if (child := os.fork()) == 0:
        trainer = Trainer(seed)
        for step in range(STEPS):
            board.losses[step] = trainer.step()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return [float(loss) for loss in board.losses]


def _once(
    folder: Path, seed: int, chance: random.Random, reference: list[float], found: Found, before: int
) -> tuple[bool, int]:
    """Run until killed; return whether the run ended before that, and the newest version that was complete.

    `before`: the newest that was complete when the last run in this folder died, from which this one must begin.
    """
    board = Board()
    named = chance.random() < 0.5
    point, passes, life = chance.choice(POINTS), chance.randint(1, MOST_PASSES), chance.uniform(0.0, LONGEST)
    if (child := os.fork()) == 0:
        _child(folder, seed, board, point if named else "", passes)
    if not named:
        while passes > 1 and not board.counts[4] and _runs(child):
            time.sleep(NAP)
        time.sleep(life)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    first, done, asked, complete, began = (int(count) for count in board.counts)
    for step in range(first, done):
        found.steps += 1
        found.wrong += float(board.losses[step]) != reference[step]
    there = versions.versions(folder)
    found.resumed += first > 0
    found.lost += max(there, default=0) < complete or (began == 1 and first < before)
    found.behind = max(found.behind, asked - complete)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        found.kills += 1
    elif status == 0:
        found.ended += 1
    else:
        raise RuntimeError(f"a run failed with status {status}; what it printed says why")
    return status == 0, max(before, complete)


def _runs(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _child(folder: Path, seed: int, board: Board, point: str, passes: int) -> None:
    """Go on from the newest checkpoint and save every step, until the end or until killed at a point."""
    left = [passes]

    def trace(at: str, version: int) -> None:
        if at == "committed":
            board.counts[3] = version
        if at == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        trainer = Trainer(seed)
        with Checkpoints(folder, guard=trainer.optimizer, buffer=1 << 14, trace=trace) as checkpoints:
            board.counts[:4] = trainer.load(checkpoints)
            board.counts[4] = 1
            while trainer.steps < STEPS:
                step = trainer.steps
                board.losses[step] = trainer.step()
                board.counts[1] = trainer.steps
                checkpoints.async_save(trainer.state(), trainer.steps)
                board.counts[2] = trainer.steps
            checkpoints.drain()
        code = 0
    finally:
        if code:
            import traceback

            traceback.print_exc()
        os._exit(code)


if __name__ == "__main__":
    print(json.dumps(asdict(main(int(sys.argv[1]), int(sys.argv[2])))))
