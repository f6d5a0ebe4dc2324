"""Requests that follow one another: each repeats what came before it and adds something."""

import numpy as np

from evenly.core import Floats, Ints, Prefixes, Trace

BLOCK = 16  # tokens of a block of the prompt that all chains share


def chains(
    begin: Floats,
    turns: Ints,
    added: Ints,
    answer: Ints,
    pause: Floats,
    shared: int,
    context: int,
    origin: str,
    tool: Ints | None = None,
    user: Ints | None = None,
) -> Trace:
    """Return conversations or programs that begin at the seconds `begin`, in order, with `turns` requests each.

    `added`, `answer`, `pause` and `tool` have one entry a request, chain by chain: tokens that a request adds to all
    before it, tokens of its answer, seconds after the previous answer, code of what was done in those seconds. `user`
    has one entry a chain: who sends it. Every prompt begins with the same `shared` tokens, in whole blocks. A chain
    ends before a request whose prompt and answer exceed `context`; its first request is kept.

    >>> two = np.array([2, 1])
    >>> trace = chains(np.array([0.0, 1.0]), two, np.array([9, 5, 7]), np.array([3, 3, 3]), np.zeros(3), 0, 99, "")
    >>> trace.prompt.tolist(), trace.after.tolist(), trace.session.tolist()
    ([9, 17, 7], [-1, 0, -1], [0, 0, 1])
    """
    session = np.repeat(np.arange(len(turns)), turns)
    first = np.cumsum(turns) - turns
    grown = np.cumsum(added + answer)
    prompt = shared + (grown - answer) - (grown - added - answer)[first][session]
    leads = np.zeros(len(session), bool)
    leads[first] = True
    kept = np.flatnonzero((prompt + answer <= context) | leads)
    session, prompt, leads = session[kept], prompt[kept], leads[kept]
    after = np.where(leads, -1, np.arange(len(kept)) - 1)
    blocks = shared // BLOCK
    if tool is not None:  # a trace says what is done after a request
        tool = np.where(np.append(leads[1:], True), -1, np.roll(tool[kept], -1))
    ids = Prefixes(np.arange(len(kept) + 1) * blocks, np.tile(np.arange(blocks), len(kept)), BLOCK)
    return Trace(
        arrival=begin[session],
        prompt=prompt,
        output=answer[kept],
        session=session,
        user=None if user is None else user[session],
        after=after,
        pause=np.where(leads, 0.0, pause[kept]),
        tool=tool,
        prefixes=ids if blocks else None,
        origin=origin,
    )


def lognormal(median: float, sigma: float, least: int, most: int, count: int, chance: np.random.Generator) -> Ints:
    """Return lognormal token counts, cut to `least` and `most`."""
    drawn = np.rint(median * np.exp(sigma * chance.standard_normal(count)))
    return np.clip(drawn, least, most).astype(np.int64)
