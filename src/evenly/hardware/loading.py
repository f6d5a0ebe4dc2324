"""How long a new replica of a model takes until it serves."""

import numpy as np

from evenly.core import Floats
from evenly.hardware.model import Model

IMAGE = 10.5
"Seconds to get a device and the image of the server: as a pod from scratch of the platform of Joosen et al., 2025."
DISK = 2e9
"Bytes/s at which weights are read; an assumption, a local disk."
WARM_UP = 5.0
"Seconds from loaded weights to the first request: memory is set up, kernels are captured; an assumption."


def parts(model: Model, image: float, bandwidth: float, warm_up: float) -> Floats:
    """Return the seconds of image, code, weights and warm-up; there is no code.

    >>> from evenly.hardware.model import model
    >>> parts(model("llama-3.1-8b"), IMAGE, DISK, WARM_UP).round(1)
    array([10.5,  0. ,  8. ,  5. ])
    """
    return np.array([image, 0.0, model.weight_bytes / bandwidth, warm_up])
