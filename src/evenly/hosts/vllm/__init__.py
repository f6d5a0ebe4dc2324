"""The policies of a scenario inside a real vLLM.

`vllm serve MODEL --scheduler-cls evenly.hosts.vllm.Scheduler --additional-config '{"evenly": "scenario.yaml"}'`

The scheduler needs vLLM, of a release in `release.RELEASES`; settings, hints and records do without.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenly.hosts.vllm.scheduler import Scheduler

__all__ = ["Scheduler"]


def __getattr__(name: str) -> Any:
    """Return the scheduler; raise `ImportError` that names the remedy where vLLM is missing or of another release."""
    if name != "Scheduler":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from evenly.hosts.vllm.release import check

    check()
    from evenly.hosts.vllm.scheduler import Scheduler

    return Scheduler
