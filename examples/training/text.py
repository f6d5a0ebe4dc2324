"""Documents of very different lengths, from text that ships with Python."""

import re
from collections import Counter
from functools import cache

import numpy as np
import torch
from torch import Tensor

from evenly.hosts.torch.experts.text import pages

WORD = re.compile(r"\w+|[^\w\s]")
PARAGRAPH = re.compile(r"\n\s*\n")


@cache
def documents(vocabulary: int, length: int, seed: int) -> tuple[Tensor, ...]:
    """Return the paragraphs as numbers of words, int64 [2 to length + 1], in an order that `seed` draws.

    The most frequent words have the numbers from 1 on; 0 is any other word.
    """
    paragraphs = [WORD.findall(text) for page in pages() for text in PARAGRAPH.split(page)]
    counts = Counter(word for words in paragraphs for word in words)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[: vocabulary - 1]
    number = {word: k for k, word in enumerate(frequent, 1)}
    found = [torch.tensor([number.get(word, 0) for word in words[: length + 1]]) for words in paragraphs]
    found = [document for document in found if len(document) > 1]
    return tuple(found[k] for k in np.random.default_rng(seed).permutation(len(found)).tolist())
