"""Objects that know their own state, as torch's distributed checkpoints see them."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stateful(Protocol):
    """A model, an optimizer, a schedule, a sampler."""

    def state_dict(self) -> Any:
        """Return what the object needs to go on."""
        ...

    def load_state_dict(self, state: Any) -> Any:
        """Go on from a state."""
        ...


def states(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of each object, and other values as they are."""
    return {key: value.state_dict() if isinstance(value, Stateful) else value for key, value in state.items()}
