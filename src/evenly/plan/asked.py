"""What a user asks of a plan, read from the words of the command line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evenly.hardware.device import device
from evenly.hardware.profiles.aiconfigurator import recognises
from evenly.measure.slo import Slo
from evenly.plan.pools import Cluster
from evenly.plan.timings import Timing
from evenly.plan.timings.profile import Profile
from evenly.plan.timings.roofline import Roofline
from evenly.plan.timings.silicon import Silicon

NODE = 8  # devices of a machine where nothing is said


def cluster(text: str) -> tuple[str, int, int]:
    """Return the device, the number of devices and how many stand in one machine.

    Raises `ValueError` unless the text is COUNTxDEVICE or MACHINESxCOUNTxDEVICE with a known device.

    >>> cluster("8xh100"), cluster("16xh100"), cluster("2x4xv100-pcie")
    (('h100', 8, 8), ('h100', 16, 8), ('v100-pcie', 8, 4))
    """
    *counts, name = text.lower().split("x", 2) if text.lower().count("x") > 1 else text.lower().split("x", 1)
    if len(counts) == 2 and not counts[1].isdigit():  # a device may have an x in its name
        counts, name = counts[:1], f"{counts[1]}x{name}"
    if not counts or not all(count.isdigit() and int(count) > 0 for count in counts):
        raise ValueError(f"write devices as 8xh100, or as 2x8xh100 for two machines of eight, not '{text}'")
    found = device(name).name
    if len(counts) == 2:
        return found, int(counts[0]) * int(counts[1]), int(counts[1])
    return found, int(counts[0]), min(NODE, int(counts[0]))


def clusters(text: str, price: str = "1") -> list[Cluster]:
    """Return the pools of devices that a plan may use, and what a device of each costs an hour.

    Raises `ValueError` for what `cluster` refuses, for a device named twice, and for a price that is none.

    >>> [one.device for one in clusters("4xh100,8xl40s")]
    ['h100', 'l40s']
    >>> [one.price for one in clusters("4xh100,8xl40s", "h100=2.5,l40s=0.9")]
    [2.5, 0.9]
    """
    found = [Cluster(*cluster(part.strip())) for part in text.split(",")]
    names = [one.device for one in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"--gpus {text}: {twice} stands there twice; write all of them as one, such as 2x8x{twice}")
    costs = prices(price, names)
    return [replace(one, price=costs[one.device]) for one in found]


def timing(text: str, fill: bool = False) -> Timing:
    """Return where the seconds of kernels come from.

    `silicon-block` has the kernels of 8-bit weights with a scale for each block. Raises `ValueError` for what is
    neither a name nor a folder, and where `fill` fills nothing.

    >>> timing("roofline")
    Roofline()
    """
    named: dict[str, Timing] = {
        "roofline": Roofline(),
        "silicon": Silicon(),
        "silicon-block": Silicon(scales="block"),
    }
    folder = Path(text)
    if text not in named and not folder.exists():
        raise ValueError(f"--cost {text}: write roofline, silicon, silicon-block, or a folder of measured tables")
    kernels = text in named or recognises(folder)
    if kernels and fill:
        raise ValueError(f"--fill: {text} leaves no layout out; it is for profiles of whole layers")
    if kernels:
        return named.get(text) or Silicon(str(folder.resolve()))
    return Profile(str(folder.resolve()), fill=fill)


def prices(text: str, names: Sequence[str]) -> dict[str, float]:
    """Return the price of each device for an hour.

    Raises `ValueError` unless the text is one number, or DEVICE=NUMBER for each of the devices.

    >>> prices("2", ["h100"])
    {'h100': 2.0}
    """
    given = dict.fromkeys(names, text)
    if "=" in text:
        parts = [part.partition("=") for part in text.split(",")]
        given = {name.strip(): number for name, _, number in parts}
        if sorted(given) != sorted(names) or len(parts) != len(names):
            raise ValueError(f"--price {text}: write one price, or {','.join(f'{name}=1' for name in names)}")
    try:
        return {name: float(number) for name, number in given.items()}
    except ValueError:
        raise ValueError(f"--price {text}: write a price as a number, such as 2.5") from None


def objectives(text: str) -> Slo:
    """Return the limits of an SLO in seconds.

    Raises `ValueError` for anything but NAME=SECONDS, and for limits that contradict each other.

    >>> objectives("ttft=1,tpot=0.05")
    Slo(ttft=1.0, tpot=0.05, tbt=None, e2e=None)
    >>> objectives("ttft=3,e2e=2")
    Traceback (most recent call last):
    ValueError: --slo ttft=3,e2e=2: an answer of 2 s in all cannot begin after 3 s; take a larger e2e or a smaller ttft
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        name, sign, number = part.partition("=")
        name = name.strip()
        if not sign or name not in Slo.__slots__ or name in limits:
            raise ValueError(f"write an SLO as ttft=1,tpot=0.05 in seconds, each of {_names()} once, not '{text}'")
        try:
            limits[name] = float(number)
        except ValueError:
            raise ValueError(f"'{number}' in --slo {text} is no number of seconds") from None
    slo = Slo(**limits)
    if slo.e2e is not None and slo.ttft is not None and slo.e2e < slo.ttft:
        raise ValueError(
            f"--slo {text}: an answer of {slo.e2e:g} s in all cannot begin after {slo.ttft:g} s; take a larger e2e or "
            "a smaller ttft"
        )
    return slo


def _names() -> str:
    return ", ".join(Slo.__slots__)
