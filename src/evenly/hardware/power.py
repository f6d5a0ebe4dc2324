"""Energy of a run."""

from evenly.hardware.device import Device


def joules(device: Device, busy: float, idle: float, flops: float) -> float:
    """Return the energy of `busy` and `idle` device-seconds in which `flops` operations were done.

    A busy device draws its idle power plus the rest of its peak by the share of its peak rate that it reaches, and
    half of that rest at least: memory traffic and clocks cost even where the arithmetic units wait.
    """
    rate = min(1.0, flops / (busy * device.flops)) if busy > 0 else 0.0
    drawn = device.idle + (device.peak - device.idle) * (0.5 + 0.5 * rate)
    return busy * drawn + idle * device.idle


def power_facts(device: Device) -> dict[str, str | int | float]:
    """Return the constants of the power model, for the facts of an outcome."""
    return {"power": f"{device.idle:g} W idle, {device.peak:g} W peak, at least half of the range when busy"}
