"""How the replicas of a fleet come and go."""

from dataclasses import dataclass, field

from evenly.balance.keepalives import KeepAlive
from evenly.balance.keepalives.fixed import Fixed
from evenly.balance.scalers import Scaler
from evenly.hardware.loading import DISK, IMAGE, WARM_UP, parts
from evenly.hardware.model import Model

EVERY = 15.0  # seconds: the default of Kubernetes' horizontal autoscaler


@dataclass(frozen=True, slots=True)
class Scaling:
    """Which replicas are there: when one starts, takes requests, ends what it has, and stops.

    Without a scaler a replica starts when more requests are there than those that serve or start are meant for, and one
    that has been idle for as long as the keep-alive says stops. A scaler says how many are open; those that it closes
    end what they have, stay loaded for as long as the keep-alive says, and are opened again before another one starts.
    Requests that come while none is open wait until one has started.
    """

    keep: KeepAlive = field(default_factory=Fixed)
    "How long an idle replica waits before it stops, and whether one is started ahead."
    scale: Scaler | None = None
    "How many replicas are open, by the load; by default as many as the requests fill."
    least: int = 0
    "Replicas that are there from the beginning and never stop; with a scaler at least 1."
    concurrency: int = 32
    "Requests at once, waiting ones included, that a replica is meant for."
    every: float = EVERY
    "Seconds between two looks of the scaler."
    image: float = IMAGE
    "Seconds to get a device and the image of the server."
    bandwidth: float = DISK
    "Bytes/s at which the weights of a replica are read from storage or over a network."
    warm_up: float = WARM_UP
    "Seconds from loaded weights to the first request."
    timer: bool = False
    "Whether a clock sends the requests, so that keep-alives which expect its ticks do."

    def __post_init__(self) -> None:
        if self.least < 0:
            raise ValueError(f"least is at least 0 replicas, not {self.least}")
        if self.scale is not None and self.least == 0:
            raise ValueError("least is at least 1 replica with a scaler, not 0; leave scale out to go to zero")
        if self.concurrency < 1:
            raise ValueError(f"concurrency is at least 1 request, not {self.concurrency}")
        for name in ("every", "bandwidth"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is positive and finite, not {getattr(self, name)}")
        for name in ("image", "warm_up"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is at least 0 and finite, not {getattr(self, name)}")

    def start(self, model: Model, link: float) -> float:
        """Return the seconds of a start; `link` is the bytes/s from the host to all devices of a replica.

        >>> from evenly.hardware.model import model
        >>> round(Scaling().start(model("llama-3.1-8b"), 25e9), 1)
        23.5
        """
        return float(parts(model, self.image, min(self.bandwidth, link), self.warm_up).sum())
