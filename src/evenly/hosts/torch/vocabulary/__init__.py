"""Input and output layer of a language model, each process with a part of the vocabulary.

    head = ShardedOutput.of(model.lm_head.weight)
    loss = head(states, labels)
    loss.backward()

needs `pip install 'evenly[torch]'`; any device, and any backend of `torch.distributed`.
"""

from typing import TYPE_CHECKING

from evenly.hosts.torch.offered import offered

if TYPE_CHECKING:
    from evenly.hosts.torch.vocabulary.input import ShardedInput as ShardedInput
    from evenly.hosts.torch.vocabulary.output import ShardedOutput as ShardedOutput

__getattr__ = offered(__name__, {"ShardedInput": "input", "ShardedOutput": "output"})
