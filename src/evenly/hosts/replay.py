"""Replay a trace against a real server that speaks OpenAI's protocol, and tell how late the client itself was."""

import asyncio
import gc
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Array, Floats, Ints, Trace
from evenly.measure.slo import tpot
from evenly.serve.scenario import servable

# Token ids of prompts: four digits each, so that a prompt is written by table; words in every vocabulary of 9,000.
FIRST_ID, IDS = 1000, 8000
POOL = np.random.default_rng(0).integers(FIRST_ID, FIRST_ID + IDS, 1 << 16)
DIGITS = IDS ** np.arange(5)
WRITTEN = np.array([f"{token}," for token in range(FIRST_ID, FIRST_ID + IDS)], "S5")
START = 0.2  # seconds before the first request is due: time to build its body
DATA, DONE = b"data:", b"[DONE]"


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What the client saw, one row a request; times in seconds from when the first request was due."""

    due: Floats
    "When the request should have been sent: its arrival over the speed, or the end of the turn before and its pause."
    sent: Floats
    "When its body was handed to the network; NaN if that never happened."
    first_token: Floats
    "When the first token came; NaN if none did."
    finish: Floats
    "When the answer ended; NaN if it failed."
    prompt: Ints
    output: Ints
    "Tokens received."
    error: tuple[str, ...]
    "Why a request failed; empty if it did not."

    @property
    def lag(self) -> Floats:
        """Seconds between when a request was due and when it was sent: the client's own error."""
        return self.sent - self.due

    def figures(self) -> dict[str, float]:
        """Return the client's lag, the latencies that a user sees, and the share of failures; NaN if unknown."""
        done = ~np.isnan(self.finish)
        found = {"requests": float(len(self.due)), "failed": float(np.mean(~done)) if len(done) else math.nan}
        pace = tpot(self.first_token - self.sent, self.finish - self.sent, self.output)
        columns = {
            "lag": self.lag[~np.isnan(self.sent)],
            "ttft": (self.first_token - self.sent)[done],
            "tpot": pace[done & (self.output > 1)],
            "e2e": (self.finish - self.sent)[done],
        }
        for name, values in columns.items():
            for share in (50, 99):
                found[f"{name}_p{share}"] = float(np.quantile(values, share / 100)) if len(values) else math.nan
        return found | {"lag_max": float(columns["lag"].max(initial=0.0))}


def replay(
    trace: Trace, url: str, model: str = "", speed: float = 1.0, timeout: float = 600.0, key: str = ""
) -> Replayed:
    """Send the requests of a trace at their times over `speed` to `url`, for instance `http://localhost:8000/v1`.

    Prompts are token ids, exactly as many as the trace says; requests that share blocks or a session in the trace share
    them here, so the server's prefix cache meets what the trace holds. Answers are streamed, and servers are asked for
    the output length of the trace. Requests without tokens or marked as failed are never sent. `timeout` seconds limit
    each request; `key` is sent as bearer token.

    Raises `ValueError` for a speed that is not positive and for a trace without a request to send.
    """
    if not 0 < speed < math.inf:
        raise ValueError(f"speed is a positive factor, not {speed}")
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"'{url}' is no address of a server; write it as http://localhost:8000/v1")
    sent = servable(trace)
    if len(sent) == 0:
        raise ValueError("the trace has no request with prompt and output; there is nothing to send")
    gc.collect()
    gc.freeze()  # what is there already is not searched for garbage while requests are due
    try:
        return asyncio.run(_Client(sent, url.rstrip("/"), model, speed, timeout, key).run())
    finally:
        gc.unfreeze()


def prompt(trace: Trace, request: int) -> Ints:
    """Return the token ids of a prompt: equal where the trace says that tokens are equal, else by chance.

    >>> turns = Trace(np.zeros(2), np.array([3, 5]), np.ones(2, np.int64), session=np.array([7, 7]))
    >>> bool(np.all(prompt(turns, 1)[:3] == prompt(turns, 0)))
    True
    """
    own = (2, request)
    if trace.session is not None and trace.session[request] >= 0:
        own = (3, int(trace.session[request]))
    ids = _ids(*own, int(trace.prompt[request]))
    if trace.prefixes is not None:
        size = trace.prefixes.block
        shared = trace.prefixes.ids[trace.prefixes.offsets[request] : trace.prefixes.offsets[request + 1]]
        for place, block in enumerate(shared.tolist()):
            part = ids[place * size : (place + 1) * size]
            part[:] = _ids(1, block, size)[: len(part)]
    return ids


def _ids(kind: int, seed: int, count: int) -> Ints:
    """Return ids that begin with the digits of kind and seed: no two texts begin alike, so caches tell them apart."""
    number = (4 * seed + kind) % int(DIGITS[-1])
    ids = np.take(POOL, np.arange(count) + number % len(POOL), mode="wrap")
    ids[: len(DIGITS)] = (FIRST_ID + number // DIGITS % IDS)[:count]
    return ids


@dataclass(slots=True, eq=False)
class _Client:
    """One replay: sleeps until a request is due, then lets a task of its own wait for the answer."""

    trace: Trace
    url: str
    model: str
    speed: float
    timeout: float
    key: str
    head: bytes = b""
    begin: float = 0.0
    columns: dict[str, Array] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> Replayed:
        """Send everything and wait for all answers."""
        aiohttp = _library()
        count = len(self.trace)
        self.columns = {name: np.full(count, np.nan) for name in ("due", "sent", "first_token", "finish")}
        self.columns["output"] = np.zeros(count, np.int64)
        self.errors = [""] * count
        asked = {"model": self.model, "ignore_eos": True, "temperature": 0.0, "stream": True}
        self.head = json.dumps(asked | {"stream_options": {"include_usage": True}}).encode()[:-1]
        watch = aiohttp.TraceConfig()
        watch.on_request_chunk_sent.append(self._note)
        limits = aiohttp.ClientTimeout(total=self.timeout)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=limits, headers=headers, trace_configs=[watch]
        ) as session:
            self.begin = time.perf_counter() + START
            followers = self._followers()
            for request in range(count):
                if self.trace.after is None or self.trace.after[request] < 0:
                    await self._at(session, request, float(self.trace.arrival[request]) / self.speed, followers)
            while self.tasks:
                await asyncio.gather(*self.tasks)
        return Replayed(**self.columns, prompt=self.trace.prompt, error=tuple(self.errors))

    async def _at(self, session: Any, request: int, due: float, followers: Mapping[int, list[int]]) -> None:
        """Wait until a request is due and start it; its body is ready by then."""
        body = self._body(request)
        self.columns["due"][request] = due
        await asyncio.sleep(max(0.0, due - self._now()))
        task = asyncio.create_task(self._send(session, request, body, followers))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _send(self, session: Any, request: int, body: bytes, followers: Mapping[int, list[int]]) -> None:
        try:
            await self._stream(session, request, body)
        except (_library().ClientError, TimeoutError, ValueError) as error:
            self.errors[request] = f"{type(error).__name__}: {error}".rstrip(": ")
        ended = self._now()
        for follower in followers.get(request, []):
            pause = float(self.trace.pause[follower]) if self.trace.pause is not None else 0.0
            await self._at(session, follower, ended + pause / self.speed, followers)

    async def _stream(self, session: Any, request: int, body: bytes) -> None:
        """Send one request and note when its tokens come; raise what goes wrong."""
        headers = {"Content-Type": "application/json"}
        address = f"{self.url}/completions"
        async with session.post(address, data=body, headers=headers, trace_request_ctx=request) as answer:
            if answer.status != 200:
                text = (await answer.text())[:200]
                raise ValueError(f"HTTP status {answer.status}: {text}")
            ended, rest = False, b""
            async for piece in answer.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for event in (line[len(DATA) :].strip() for line in lines if line.startswith(DATA)):
                    ended = ended or event == DONE
                    if event != DONE:
                        self._event(request, json.loads(event))
        if not ended:
            raise ValueError("the answer broke off before its end")
        self.columns["finish"][request] = self._now()

    def _event(self, request: int, event: Any) -> None:
        """Note one event of a stream: a piece of text is a token, until the server tells how many there were."""
        if event.get("error"):
            raise ValueError(f"the server reports {event['error']}")
        if event.get("choices"):
            if np.isnan(self.columns["first_token"][request]):
                self.columns["first_token"][request] = self._now()
            self.columns["output"][request] += 1
        if event.get("usage"):
            self.columns["output"][request] = event["usage"].get("completion_tokens", self.columns["output"][request])

    def _body(self, request: int) -> bytes:
        written = WRITTEN[prompt(self.trace, request) - FIRST_ID].tobytes()[:-1]
        tokens = b"%d" % self.trace.output[request]
        return (
            self.head + b', "max_tokens": ' + tokens + b', "min_tokens": ' + tokens + b', "prompt": [' + written + b"]}"
        )

    async def _note(self, session: Any, context: Any, params: Any) -> None:
        self.columns["sent"][context.trace_request_ctx] = self._now()

    def _followers(self) -> dict[int, list[int]]:
        """Return who waits for whom."""
        found: dict[int, list[int]] = {}
        if self.trace.after is not None:
            for request in np.flatnonzero(self.trace.after >= 0).tolist():
                found.setdefault(int(self.trace.after[request]), []).append(request)
        return found

    def _now(self) -> float:
        return time.perf_counter() - self.begin


def _library() -> Any:
    try:
        import aiohttp
    except ImportError:
        raise ValueError("replay needs the extra: pip install 'evenly[replay]'") from None
    return aiohttp
