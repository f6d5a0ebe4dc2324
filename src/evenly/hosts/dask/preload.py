"""What `dask scheduler --preload evenly.hosts.dask` runs, and its options."""

from typing import Any

import click
import yaml

from evenly.balance.queues import Queue
from evenly.core.structure import structure
from evenly.hosts.dask.fair_share import FairShare


def queue_of(name: str, weights: tuple[str, ...] = ()) -> Queue:
    """Return a queue by its name, or by its name and knobs as in a scenario, with users' weights such as `ann=2`.

    Raises `ValueError` that says what is wrong.

    >>> queue_of("{use: uwfq, grace: 0}", ("ann=2",))
    Uwfq(weights={'ann': 2.0}, grace=0.0)
    """
    try:
        raw = yaml.safe_load(name)
    except yaml.YAMLError:
        raise ValueError(f"a queue is a name or a mapping such as {{use: uwfq, grace: 0}}, not '{name}'") from None
    raw = dict(raw) if isinstance(raw, dict) else {"use": name}
    for weight in weights:
        user, _, number = weight.rpartition("=")
        try:
            raw.setdefault("weights", {})[user] = float(number)
        except ValueError:
            raise ValueError(f"a weight is a user and a number such as ann=2, not '{weight}'") from None
        if not user:
            raise ValueError(f"a weight is a user and a number such as ann=2, not '{weight}'")
    found = structure(raw, Queue)
    if isinstance(found, list):
        raise ValueError("; ".join(message for _, message in found))
    return found


def _checked(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Read the queue while the command line is read, so that a mistake in it ends the command."""
    if parameter.name == "queue":
        context.meta["evenly.queue"] = value
        return value
    try:
        return queue_of(context.meta.get("evenly.queue", "uwfq"), value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option(
    "--queue",
    default="uwfq",
    callback=_checked,
    is_eager=True,
    expose_value=False,
    show_default=True,
    help="A queue of `evenly list`, by name or with knobs: '{use: uwfq, grace: 0}'.",
)
@click.option("--weight", multiple=True, callback=_checked, metavar="USER=NUMBER", help="A user's share; 1 by default.")
def dask_setup(scheduler: Any, weight: Queue) -> None:
    """Share the cluster between its users."""
    scheduler.add_plugin(FairShare(weight))
