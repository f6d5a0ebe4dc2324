"""Replay a trace against a real server that speaks OpenAI's protocol, and tell how late the client itself was."""

import asyncio
import gc
import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from evenly.core import Floats, Ints, Trace
from evenly.core.scenario import Progress, silent
from evenly.hosts.replay_client import Client, Server
from evenly.hosts.replay_hints import Hints
from evenly.hosts.replay_prompts import VOCABULARY, Prompts
from evenly.measure.slo import tpot
from evenly.serve.scenario import servable

SHARES = (50, 90, 99)  # percent of the requests that a figure covers


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What the client saw, one row a request; times in seconds from when the first request was due."""

    trace: Trace
    "The requests that could be sent, in order."
    due: Floats
    "When the request should have been sent: by its arrival, by the turn before and its pause, or as a client got free."
    sent: Floats
    "When its body was handed to the network; NaN if that never happened."
    first_token: Floats
    "When the first token came; NaN if none did."
    finish: Floats
    "When the last token of a whole answer came; NaN if it failed."
    output: Ints
    "Tokens received."
    counted: Ints
    "Tokens of the prompt by the server's count; -1 if it told none."
    cached: Ints
    "Tokens of the prompt that were in the server's cache; -1 if it told none."
    pieces: Floats
    "When each piece of an answer came, request by request."
    offsets: Ints
    "Where the pieces of each request begin; one longer than the trace."
    error: tuple[str, ...]
    "Why a request failed or was not sent; empty if it was answered."
    follows: Ints
    "Whether a prompt holds the former turn's answer: 1 as the server gave it, 0 drawn by chance, -1 if none is due."
    model: str
    "Name of the model by the server's own account."
    incomplete: str
    "Why sending ended early; empty if it did not."

    @property
    def lag(self) -> Floats:
        """Seconds between when a request was due and when it was sent: the client's own error."""
        return self.sent - self.due

    @property
    def gaps(self) -> Floats:
        """Seconds between a piece of an answer and the one before, of all answers one after the other."""
        between = np.diff(self.pieces)
        starts = self.offsets[1:-1]
        inner = np.ones(len(between), np.bool_)
        inner[starts[(starts > 0) & (starts < len(self.pieces))] - 1] = False
        return between[inner]

    def figures(self) -> dict[str, float]:
        """Return what a user of the server sees, and the client's own lag, in seconds; NaN if unknown."""
        done = ~np.isnan(self.finish)
        sent = ~np.isnan(self.sent)
        found = {
            "requests": float(len(self.due)),
            "sent": float(sent.sum()),
            "failed": float(np.mean(~done)) if len(done) else math.nan,
        }
        columns = {
            "lag": self.lag[sent],
            "ttft": (self.first_token - self.sent)[done],
            "tpot": tpot(self.first_token - self.sent, self.finish - self.sent, self.output)[done & (self.output > 1)],
            "tbt": self.gaps,
            "e2e": (self.finish - self.sent)[done],
        }
        for name, values in columns.items():
            for share in SHARES:
                found[f"{name}_p{share}"] = float(np.quantile(values, share / 100)) if len(values) else math.nan
        seconds = float(self.finish[done].max() - self.sent[sent].min()) if done.any() else math.nan
        per_second = 1.0 / seconds if seconds > 0 else math.nan
        return found | {
            "lag_max": float(columns["lag"].max(initial=0.0)),
            "throughput": float(done.sum()) * per_second,
            "token_rate": float(self.output[done].sum()) * per_second,
        }

    def mismatches(self) -> dict[str, int]:
        """Return how many answered requests have other lengths than the trace, by the server's own count."""
        done = ~np.isnan(self.finish)
        prompt = done & (self.counted >= 0) & (self.counted != self.trace.prompt)
        return {"prompt": int(prompt.sum()), "output": int((done & (self.output != self.trace.output)).sum())}


def replay(
    trace: Trace,
    url: str,
    model: str = "",
    speed: float = 1.0,
    timeout: float = 600.0,
    key: str = "",
    *,
    clients: int | None = None,
    duration: float = math.inf,
    hints: bool = False,
    vocabulary: int = VOCABULARY,
    progress: Progress = silent,
) -> Replayed:
    """Send the requests of a trace at their times over `speed` to `url`, for instance `http://localhost:8000/v1`.

    With `clients`, so many requests are in flight instead, in the order of the trace, whatever their times; turns of a
    session wait for the one before and their pause either way. Nothing is sent later than `duration` seconds.

    Prompts are token ids below `vocabulary`, exactly as many as the trace says. Requests that share blocks or a session
    in the trace share them here, and a turn holds the answer before it where the server gives its ids. Answers are
    streamed, and servers are asked for the output length of the trace. Requests without tokens or marked as failed are
    never sent. `timeout` seconds limit each request; `key` is sent as bearer token. With `hints`, user, program, place
    in it, tool, deadline and priority are told as far as the trace knows them.

    A server that is lost on the way, or Ctrl-C, ends the replay with what is there; `incomplete` says why. Raises
    `ValueError` for settings that make no sense, for a trace without a request to send, for a server that cannot be
    reached and for one that refuses a request before it has answered any.
    """
    if not 0 < speed < math.inf:
        raise ValueError(f"speed is a positive factor, not {speed}")
    if clients is not None and clients < 1:
        raise ValueError(f"clients is at least 1, not {clients}")
    if not duration > 0:
        raise ValueError(f"duration is a positive number of seconds, not {duration}")
    server = Server(url, model, key, timeout)
    sent = servable(trace)
    if len(sent) == 0:
        raise ValueError("the trace has no request with prompt and output; there is nothing to send")
    prompts = Prompts(sent, vocabulary)
    client = Client(sent, server, prompts, Hints(sent) if hints else None, speed, clients, duration, progress)
    return driven(client)


def driven(client: Client) -> Replayed:
    """Let a client send everything, and return what it noted."""
    gc.collect()
    gc.freeze()  # what is there already is not searched for garbage while requests are due
    try:
        with _interrupts():
            asyncio.run(client.run())
    finally:
        gc.unfreeze()
    return _replayed(client)


@contextmanager
def _interrupts() -> Iterator[None]:
    """Let Ctrl-C reach asyncio, which leaves it to a library that took it before, as PySpark does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _replayed(client: Client) -> Replayed:
    """Return what the client noted, without the requests that were due after the end of the replay."""
    columns, trace = client.columns, client.trace
    sent = ~np.isnan(columns["sent"])
    kept = np.flatnonzero(~np.isnan(columns["due"]) | bool(client.stopped))
    sizes = np.array([len(client.pieces[request]) for request in kept], np.int64)
    pieces = [np.frombuffer(client.pieces[request], np.float64) for request in kept if len(client.pieces[request])]
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    times = np.concatenate(pieces) if pieces else np.empty(0)
    first = np.full(len(kept), np.nan)
    first[sizes > 0] = times[offsets[:-1][sizes > 0]]
    never = f"not sent: {client.stopped}"
    told = [client.errors[request] or ("" if sent[request] else never) for request in kept.tolist()]
    held = client.prompts.told.astype(np.int64)
    return Replayed(
        trace=trace.take(kept),
        due=columns["due"][kept],
        sent=columns["sent"][kept],
        first_token=first,
        finish=columns["finish"][kept],
        output=np.maximum(columns["output"][kept], 0),
        counted=columns["counted"][kept],
        cached=columns["cached"][kept],
        pieces=times,
        offsets=offsets,
        error=tuple(told),
        follows=np.where(client.prompts.before >= 0, held, -1)[kept],
        model=client.served or client.server.model,
        incomplete=client.stopped,
    )
