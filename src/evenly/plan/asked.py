"""What a user asks of a plan, read from the words of the command line."""

from evenly.hardware.device import device
from evenly.measure.slo import Slo

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
