"""A rate that a writer keeps."""

import time

SPARED = 0.1  # seconds whose bytes may pass later: what a write takes must not come on top of the rate


class Bucket:
    """Lets bytes through at a rate; what waits sleeps."""

    def __init__(self, rate: float | None) -> None:
        """Take bytes a second; `None` for no limit."""
        if rate is not None and not rate > 0:
            raise ValueError(f"a rate is above 0 bytes a second, not {rate}")
        self.rate = rate
        self._free = 0.0

    def take(self, size: int) -> None:
        """Wait until so many bytes may have passed."""
        if self.rate is None:
            return
        self._free = max(self._free, time.monotonic() - SPARED) + size / self.rate
        time.sleep(max(0.0, self._free - time.monotonic()))
