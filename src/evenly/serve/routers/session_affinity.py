"""Session affinity."""

from dataclasses import dataclass

import numpy as np

from evenly.core import Array, Floats


@dataclass(frozen=True, slots=True)
class SessionAffinity:
    """Send every turn of a conversation to the replica that served its first, so that its prefix cache hits.

    The replica is a hash of the session (of the user where there is no session, of the request where there is
    neither). Reuse is perfect; balance is that of random placement of whole sessions.
    """

    @staticmethod
    def choose(now: float, request: int, requests: Array, fleet: Array, memory: Floats) -> int:
        """Return the replica of the request's session."""
        key = requests[request].session
        if key < 0:
            key = requests[request].user
        if key < 0:
            key = request
        x = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
        return int((x >> np.uint64(11)) % np.uint64(len(fleet)))
