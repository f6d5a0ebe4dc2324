"""BERT without padding: all tokens of a batch in one row, attention in groups of sequences of like length.

`packed` lays a batch out, `attention` computes it group by group, and `bert` runs the weights of a Hugging Face model.
`measure` says what that is worth on this machine, `ranks` what it is worth when ranks exchange sequences.
"""

from typing import TYPE_CHECKING

from evenly.hosts.torch.offered import offered

if TYPE_CHECKING:
    from evenly.hosts.torch.unpadded.bert import UnpaddedBert as UnpaddedBert
    from evenly.hosts.torch.unpadded.bert import UnpaddedMaskedLM as UnpaddedMaskedLM
    from evenly.hosts.torch.unpadded.packed import pack as pack
    from evenly.hosts.torch.unpadded.packed import unpad as unpad

__getattr__ = offered(
    __name__, {"UnpaddedBert": "bert", "UnpaddedMaskedLM": "bert", "pack": "packed", "unpad": "packed"}
)
