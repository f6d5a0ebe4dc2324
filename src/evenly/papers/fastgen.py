"""DeepSpeed-FastGen against vLLM v0 under closed-loop clients."""


def budget() -> float:
    """Return the tokens of a pass that the engine composes by default."""
    from evenly.serve.engines.fastgen import Fastgen

    return float(Fastgen().rules(4096).budget)
