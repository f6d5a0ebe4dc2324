"""Energy of a run."""

from evenly.hardware.device import Device

# Shares of the range from idle to peak that a busy device draws: while it merely runs, at full memory bandwidth, at
# full arithmetic rate. Least squares over the 180 power-metered runs of Llama-2-70B on 2, 4 and 8 A100 with prompts
# up to 4,096 tokens that Splitwise publishes (Patel et al., 2024); mean error 3.7%, largest 26%. Other cards are
# assumed to divide their range alike.
RUNNING = 0.125
MEMORY = 0.863
COMPUTE = 1.233
# Share of the voltage at full clock that the cores keep however low the clock is; what they draw goes by clock times
# voltage squared. An assumption: cores of 810 to 1,980 MHz are said to run at some 0.7 to 1.1 V.
VOLTAGE = 0.45
UNKNOWN = 0.5  # share of the bandwidth in use where the traffic was not counted, an assumption


def joules(
    device: Device, busy: float, idle: float, flops: float, moved: float | None = None, clock: float = 1.0
) -> float:
    """Return the energy of `busy` and `idle` device-seconds in which `flops` operations and `moved` bytes were done.

    A busy device draws its idle power, and of the range up to its peak a fixed share plus shares in proportion to its
    memory traffic and its arithmetic, the whole range at most. Without `moved`, half of the bandwidth counts as used.
    `clock` is the share of the full clock at which the cores run: their part of the range shrinks with it and with the
    square of the voltage, that of the memory stays.

    >>> from evenly.hardware.device import device
    >>> joules(device("a100-80gb"), busy=0.0, idle=10.0, flops=0.0)
    800.0
    >>> round(joules(device("a100-80gb"), busy=1.0, idle=0.0, flops=0.0, moved=0.0))
    120
    >>> round(joules(device("a100-80gb"), busy=1.0, idle=0.0, flops=0.0, moved=0.0, clock=0.5))
    91
    """
    if busy <= 0:
        return idle * device.idle
    traffic = UNKNOWN if moved is None else moved / (busy * device.bandwidth)
    squared = (VOLTAGE + (1.0 - VOLTAGE) * clock) ** 2
    cores = squared * (RUNNING * clock + COMPUTE * flops / (busy * device.flops))
    share = min(1.0, cores + MEMORY * traffic)
    return busy * (device.idle + (device.peak - device.idle) * share) + idle * device.idle


def power_facts(device: Device) -> dict[str, str | int | float]:
    """Return the constants of the power model, for the facts of an outcome."""
    return {
        "power": f"{device.idle:g} W idle, {device.peak:g} W peak; a busy device draws {RUNNING:g} of the range, "
        f"{MEMORY:g} more at full bandwidth, {COMPUTE:g} at full arithmetic rate (fit to metered A100 runs)"
    }
