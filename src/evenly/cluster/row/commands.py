"""The commands that put a level of clocks in force, ready for a shell."""

from evenly.cluster.row.caps import Cap
from evenly.hardware.server import Server

NAMES = ("high", "low")
"Priorities, in the order of a level's clocks."


def commands(cap: Cap, server: Server) -> list[str]:
    """Return the commands that put each level in force, one line a level and priority, ready for a shell.

    A server runs the line of its priority. The lowest clock stays free, so that idle devices save.

    >>> from evenly.cluster.row.caps.one_low import OneLow
    >>> for line in commands(OneLow(), Server(devices=2)):
    ...     print(line)
    nvidia-smi -i 0,1 -rgc  # level 0, high priority
    nvidia-smi -i 0,1 -rgc  # level 0, low priority
    nvidia-smi -i 0,1 -rgc  # level 1, high priority
    nvidia-smi -i 0,1 -lgc 210,1110  # level 1, low priority
    """
    devices = ",".join(map(str, range(server.devices)))
    return [
        f"nvidia-smi -i {devices} {setting(clock, server)}  # level {level}, {name} priority"
        for level, clocks in enumerate(cap.clocks)
        for name, clock in zip(NAMES, clocks, strict=True)
    ]


def setting(clock: float, server: Server) -> str:
    """Return the option that limits clocks to `clock` MHz, or frees them.

    >>> setting(1275.0, Server()), setting(1410.0, Server())
    ('-lgc 210,1275', '-rgc')
    """
    return f"-lgc {server.low:g},{clock:g}" if clock < server.top else "-rgc"
