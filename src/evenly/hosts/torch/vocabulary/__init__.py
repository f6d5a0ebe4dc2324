"""Input and output layer of a language model, each process with a part of the vocabulary.

    head = ShardedOutput.of(model.lm_head.weight)
    loss = head(states, labels)
    loss.backward()

needs `pip install 'evenly[torch]'`; any device, and any backend of `torch.distributed`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenly.hosts.torch.vocabulary.input import ShardedInput
    from evenly.hosts.torch.vocabulary.output import ShardedOutput

__all__ = ["ShardedInput", "ShardedOutput"]


def __getattr__(name: str) -> Any:
    """Return a layer; raise `ImportError` that names the extra where torch is missing."""
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    try:
        from evenly.hosts.torch.vocabulary.input import ShardedInput
        from evenly.hosts.torch.vocabulary.output import ShardedOutput
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            "sharded layers compute in torch, which needs the extra: pip install 'evenly[torch]'"
        ) from None
    return {"ShardedInput": ShardedInput, "ShardedOutput": ShardedOutput}[name]
