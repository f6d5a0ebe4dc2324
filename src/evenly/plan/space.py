"""Every layout of a model on a number of devices."""

from collections.abc import Iterator

from evenly.hardware.model import Model
from evenly.plan.layout import Layout, fault


def shapes(devices: int, blocks: int) -> Iterator[Layout]:
    """Yield replicas, equal stages and copies of the two cells, whatever the model.

    If both cells were copied, one number dividing the other, they would share a divisor, which is another number of
    replicas; so one of the two stands alone.

    >>> [sum(1 for _ in shapes(2**k, 80)) for k in range(1, 8)]
    [5, 14, 30, 55, 90, 135, 190]
    """
    for replicas in divisors(devices):
        for stages in divisors(devices // replicas):
            if blocks % stages:
                continue
            width = devices // (replicas * stages)
            yield Layout(replicas, stages, width)
            for copies in divisors(width)[1:]:
                yield Layout(replicas, stages, width, attention=copies)
                yield Layout(replicas, stages, width, network=copies)


def layouts(model: Model, devices: int, node: int) -> list[Layout]:
    """Return every layout of a model on `devices` devices in machines of `node`, with both ways to divide experts.

    >>> from evenly.hardware.model import model
    >>> len(layouts(model("llama-3-70b"), 8, 8))
    30
    """
    found: list[Layout] = []
    for shape in shapes(devices, model.layers):
        ways = [shape]
        if model.experts and shape.tensor > shape.network:
            ways.append(
                Layout(shape.replicas, shape.stages, shape.tensor, shape.attention, shape.network, experts="expert")
            )
        found += [layout for layout in ways if not fault(layout, model, node)]
    return found


def uneven(model: Model, devices: int, node: int) -> list[Layout]:
    """Return pipelines of unequal stages: the last one has the output head as well, so it gets fewer layers.

    The other stages are as equal as can be, the first one smallest: whatever the last one takes, no division of the
    rest is faster. Fewer layers than balance the weights of the head are not tried.

    >>> from evenly.hardware.model import model
    >>> [one.title for one in uneven(model("llama-3-8b"), 4, 8) if one.stages == 4]
    ['4PP, layers 2x8+9+7', '4PP, layers 8+2x9+6']
    """
    head = model.vocabulary * model.hidden / model.layer_parameters  # in layers
    found = []
    pairs = ((r, s) for r in divisors(devices) for s in divisors(devices // r)[1:] if s <= model.layers)
    for replicas, stages in pairs:
        least = max(1, int((model.layers + head) / stages - head))
        for last in range(-(-model.layers // stages), least - 1, -1):
            each, left = divmod(model.layers - last, stages - 1)
            depths = (*(each + (k >= stages - 1 - left) for k in range(stages - 1)), last)
            if each > 0 and len(set(depths)) > 1:
                found.append(Layout(replicas, stages, devices // (replicas * stages), layers=depths))
    return [layout for layout in found if not fault(layout, model, node)]


def divisors(number: int) -> list[int]:
    """Return the divisors of a number, rising.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    return [k for k in range(1, number + 1) if number % k == 0]


def heuristic(model: Model, devices: int, node: int) -> Layout:
    """Return the usual rule: tensor parallel inside a machine, a pipeline across machines, one copy of the model.

    >>> from evenly.hardware.model import model
    >>> heuristic(model("llama-3-70b"), 16, 8).title
    '2PPx8TP'
    """
    width = min(devices, node)
    return Layout(stages=devices // width, tensor=width)
