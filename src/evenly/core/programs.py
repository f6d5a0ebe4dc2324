"""Which requests belong to one program, and where in it they stand."""

import numpy as np

from evenly.core import Ints, Trace


def programs(trace: Trace) -> Ints:
    """Return the program of each request, numbered from 0.

    A program is a session, or, where the trace names none, the requests that wait for one another; a request that
    belongs to neither is a program of its own.

    >>> programs(Trace(np.zeros(3), np.ones(3, int), np.ones(3, int), session=np.array([7, -1, 7]))).tolist()
    [1, 0, 1]
    """
    own = np.arange(len(trace), dtype=np.int64)
    if trace.after is not None:
        for i in np.flatnonzero(trace.after >= 0):  # earlier requests come first, so theirs is final
            own[i] = own[trace.after[i]]
    if trace.session is not None:
        own = np.where(trace.session >= 0, trace.session + len(trace), own)
    return np.unique(own, return_inverse=True)[1]


def turns(trace: Trace) -> tuple[Ints, Ints]:
    """Return the place of each request in its program, from 0, and 1 where it is the last.

    >>> turns(Trace(np.zeros(3), np.ones(3, int), np.ones(3, int), session=np.array([7, -1, 7])))
    (array([0, 0, 1]), array([0, 1, 1]))
    """
    if trace.after is None and trace.session is None:
        return np.zeros(len(trace), np.int64), np.ones(len(trace), np.int64)
    program = programs(trace)
    order = np.argsort(program, kind="stable")
    size = np.bincount(program)
    start = np.cumsum(size) - size
    turn = np.empty(len(trace), np.int64)
    turn[order] = np.arange(len(trace)) - start[program[order]]
    return turn, (turn == size[program] - 1).astype(np.int64)
