"""Look at the lanes of a replica once a window, and let a policy move their shares."""

from typing import Any

import numpy as np

from evenly.core import Array, Floats, Ints
from evenly.kernel.bridge import memory_of
from evenly.kernel.serving.lane_run import fresh_lanes as state_of_lanes
from evenly.kernel.serving.lane_run import serve_lanes
from evenly.kernel.serving.records import DECODING, NONE, SHARED
from evenly.kernel.world import World

__all__ = ["Looks", "state_of_lanes"]


class Looks:
    """What a policy of shares sees of each replica, and what it decided.

    A window is so many passes of both lanes. The policy gets the times to the first token of the requests whose first
    token came in the window, and of each request that decoded in it the mean seconds a token, counted in the window.
    Other shares hold once their workers have started; a window in which they change is not shown.

    The loop names the requests that get a first token or end; a window looks at those and at the seated ones only.
    """

    def __init__(self, world: World, policy: Any, limits: tuple[float, float], start_seconds: float, seed: int) -> None:
        self.world = world
        self.policy = policy
        self.limits = limits
        self.start_seconds = start_seconds
        replicas = len(world.lanes)
        self.memories = [memory_of(policy, seed, replicas) for _ in range(replicas)]
        self.since = np.zeros(replicas)
        self.news: list[list[Ints]] = [[] for _ in range(replicas)]
        self.told: list[dict[int, tuple[int, float]]] = [{} for _ in range(replicas)]
        self.moving = np.zeros(replicas, np.bool_)
        self.history: list[tuple[float, int, float, float]] = []
        for r in range(replicas if world.rules["lanes"][0] == SHARED else 0):  # else each lane has a device
            pair = self._ask(r, (100.0, 100.0), np.zeros(0), np.zeros(0))
            lane = world.lanes[r]
            lane["prompt_share"], lane["decode_share"] = pair[0] / 100, pair[1] / 100
            self.history.append((0.0, r, *pair))

    def serve(self, hooks: Any, state: Any, until: int) -> int:
        """Run until `until` more requests have ended or nothing is left; return how many have."""
        loop: Any = serve_lanes  # compiled: its arguments are checked by numba
        done = 0
        while True:
            done += loop(self.world, *hooks, *state, until - done)
            r = int(state[0][3])
            if r != NONE:
                self.look(r, float(state[2][-1]))
            if r == NONE or done >= until:
                return done

    def rows(self) -> Floats:
        """Return time, replica and shares in percent of every change, the start included."""
        return np.array(self.history).reshape(-1, 4)

    def look(self, r: int, now: float) -> None:
        """End the window of a replica."""
        lane = self.world.lanes[r]
        lane["seen"] = 0
        heard = self._heard(r)
        ttft, tpot = self._firsts(heard, r, now), self._paces(heard, r)
        self.since[r] = now
        moved, self.moving[r] = self.moving[r], bool(np.isfinite(lane["ready"]))
        if moved or self.moving[r]:
            return
        old = (100.0 * float(lane["prompt_share"]), 100.0 * float(lane["decode_share"]))
        new = self._ask(r, old, ttft, tpot)
        if max(abs(new[0] - old[0]), abs(new[1] - old[1])) < 1e-9:
            return
        lane["next_prompts"], lane["next_decodes"] = new[0] / 100, new[1] / 100
        lane["ready"] = now + self.start_seconds
        self.moving[r] = True
        self.history.append((float(lane["ready"]), r, *new))

    def _ask(self, r: int, pair: tuple[float, float], ttft: Floats, tpot: Floats) -> tuple[float, float]:
        x, y = self.policy.split(*pair, ttft, tpot, self.limits, self.memories[r])
        if not (0 < x <= 100 and 0 < y <= 100):
            raise ValueError(
                f"{type(self.policy).__name__}.split gives prompts {x} and decodes {y} percent of the device; "
                "each share lies above 0 and at most 100"
            )
        return float(x), float(y)

    def _heard(self, r: int) -> Ints:
        """Return in order which requests of a replica got a first token or ended since its last look."""
        heard = self.world.heard
        new = heard[1 : 1 + int(heard[0])].copy()
        heard[0] = 0
        where = self.world.requests["replica"][new]
        order = np.argsort(where, kind="stable")
        homes, first = np.unique(where[order], return_index=True)
        for home, part in zip(homes, np.split(new[order], first[1:]), strict=bool(len(new))):
            self.news[home].append(part)
        found = np.unique(np.concatenate([*self.news[r], np.zeros(0, np.int64)]))
        self.news[r] = []
        return found

    def _firsts(self, heard: Ints, r: int, now: float) -> Floats:
        """Return the times to the first token of those that got it in the window."""
        requests = self.world.requests
        came = requests["first_token"][heard]
        inside = (came > self.since[r]) & (came <= now)
        return np.asarray((came - requests["arrival"][heard])[inside])

    def _paces(self, heard: Ints, r: int) -> Floats:
        """Return the seconds a token of each request that decoded in the window, and remember how far all are."""
        requests, pool = self.world.requests, self.world.pools[r]
        seats = self.world.seats.reshape(len(self.world.pools), -1)[r]
        line = seats[self.world.line[r, : int(pool["seated"])]]
        line = line[line["state"] == DECODING]
        ours = line["request"]
        count = requests["output"][ours] - (line["end"] - pool["tick"])
        last = np.where(pool["emissions"] > line["index"], pool["emitted"], line["joined"])
        here = dict(zip(ours.tolist(), zip(count.tolist(), last.tolist(), strict=True), strict=True))
        ends = heard[requests["finish"][heard] > self.since[r]]
        states = here | {int(i): (int(requests["output"][i]), float(requests["finish"][i])) for i in ends}
        paces = [self._pace(requests, self.told[r].get(i), i, *state) for i, state in states.items()]
        self.told[r] = here
        found = np.array(paces, np.float64)
        return np.asarray(found[np.isfinite(found)])

    def _pace(self, requests: Array, before: tuple[int, float] | None, i: int, count: int, last: float) -> float:
        """Return the seconds a token from what was known of request `i`, or its first token, until its last one."""
        tokens, since = before or (1, float(requests["first_token"][i]))
        return (last - since) / (count - tokens) if count > tokens else float("nan")
