"""The rules of an engine as the kernel reads them."""

from evenly.serve.engines import Rules


def numbers(rules: Rules, blocks: int, longest: int) -> dict[str, int | float]:
    """Return an engine's rules as numbers, for a replica of `blocks` blocks that accepts `longest` tokens."""
    return {
        "compose": ("prefill-first", "queue-order", "decode-first", "split-fuse").index(rules.compose),
        "reserve": ("chunk", "prompt", "longest").index(rules.reserve),
        "victims": int(rules.swap),
        "chunked": int(rules.chunked),
        "block": rules.block,
        "watermark": int(rules.watermark * blocks),
        "budget": rules.budget,
        "seats": rules.seats,
        "batch": rules.batch,
        "longest": longest,
        "threshold": rules.threshold,
        "lone": int(rules.lone),
        "whole": int(rules.whole),
        "blank": int(rules.blank),
        "behind": int(rules.behind),
        "cache": int(rules.cache),
        "readmit": int(rules.readmit),
        "front": int(rules.front),
        "delay": rules.delay,
    }
