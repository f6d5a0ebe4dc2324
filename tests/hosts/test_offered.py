"""Parts that run in torch name the extra where it is missing."""

import importlib
import sys

import pytest

OFFERED = {
    "checkpoints": "Checkpoints",
    "experts": "Router",
    "unpadded": "UnpaddedBert",
    "vocabulary": "ShardedOutput",
}


@pytest.mark.parametrize("part", OFFERED)
def test_a_missing_extra_is_named(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = importlib.import_module(f"evenly.hosts.torch.{part}")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"needs the extra: pip install 'evenly\[torch\]'"):
        package.__getattr__(OFFERED[part])
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.__getattr__("nothing")
