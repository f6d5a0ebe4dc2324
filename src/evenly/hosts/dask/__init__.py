"""One Dask cluster shared between its users by any queue of `evenly.balance.queues`.

`dask scheduler --preload evenly.hosts.dask --queue uwfq`, or `LocalCluster(scheduler_kwargs={"plugins":
[FairShare()]})`, or `client.register_plugin(FairShare())`.

`fair_share` is the plug-in, `waiting` its queue in the place of Dask's, `jobs` knows what they are estimated to take,
`preload` reads the command line, and `measure` runs a light user beside a heavy one, with and without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenly.hosts.dask.fair_share import FairShare
    from evenly.hosts.dask.preload import dask_setup

__all__ = ["FairShare", "dask_setup"]


def __getattr__(name: str) -> Any:
    """Return the plug-in, or the command that `--preload` runs; raise `ImportError` that names the missing extra."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ImportError("Dask's scheduler is not here; install it with `pip install 'evenly[dask]'`") from error
    from evenly.hosts.dask.fair_share import FairShare
    from evenly.hosts.dask.preload import dask_setup

    return {"FairShare": FairShare, "dask_setup": dask_setup}[name]
