"""The client of a replay: sends requests when they are due and notes when their tokens come."""

import asyncio
import json
import math
import os
import time
from array import array
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evenly.core import Array, Trace
from evenly.core.scenario import Progress, silent
from evenly.hosts.replay_hints import Hints
from evenly.hosts.replay_prompts import Prompts

START = 0.2  # seconds before the first request is due: time to build its body
LOST = 10  # requests in a row that found no server, or lost it; then nothing more is sent
IDLE = 2.0  # seconds that an unused connection is kept: servers close theirs after 5, and would take a request with it
SHOWN = 300  # characters of what a server said that a message quotes
AGAIN = (408, 425, 429)  # statuses between 400 and 499 that another request may not meet
LENGTHS = ("max_tokens", "context length", "max_model_len")  # words of a server that takes no request of this length
DATA, DONE = b"data:", b"[DONE]"
END = -1  # in the line of requests of a closed loop: nothing comes after it
BY_HAND = "stopped by hand"
TIMES = ("due", "sent", "finish")
COUNTS = ("output", "counted", "cached")


@dataclass(frozen=True, slots=True)
class Server:
    """Whom the requests are sent to."""

    url: str
    "Address up to and with `/v1`."
    model: str = ""
    "Name of a served model; without one the server chooses."
    key: str = ""
    "Sent as bearer token."
    timeout: float = 600.0
    "Seconds that a request may take."

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"'{self.url}' is no address of a server; write it as http://localhost:8000/v1")
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"timeout is a positive number of seconds, not {self.timeout}")

    @property
    def address(self) -> str:
        """Return where completions are asked for."""
        return f"{self.url.rstrip('/')}/completions"


class RefusedError(ValueError):
    """An answer with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP status {status}: {said(text)}")
        self.status = status
        self.said = said(text)


class BrokenError(ValueError):
    """An answer that ended before its end."""


@dataclass(slots=True, eq=False)
class Client:
    """One replay: sleeps until a request is due, then lets a task of its own wait for the answer."""

    trace: Trace
    server: Server
    prompts: Prompts
    hints: Hints | None
    speed: float = 1.0
    clients: int | None = None
    "Requests in flight in a closed loop; `None`: requests arrive at their times."
    duration: float = math.inf
    "Seconds after which nothing more is sent."
    progress: Progress = silent
    columns: dict[str, Array] = field(default_factory=dict)
    pieces: list["array[float]"] = field(default_factory=list)
    "When each piece of an answer came, by request."
    errors: list[str] = field(default_factory=list)
    answered: bool = False
    "Whether any token came."
    served: str = ""
    "Name of the model by the server's own account."
    stopped: str = ""
    "Why sending ended early; empty if it did not."
    fatal: str = ""
    "Why nothing can be replayed at all; empty if something can."
    head: bytes = b""
    begin: float = 0.0
    ended: int = 0
    lost: int = 0
    "Requests in a row that found no server."
    session: Any = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    asleep: set[asyncio.Task[None]] = field(default_factory=set)
    line: "asyncio.PriorityQueue[int]" = field(default_factory=asyncio.PriorityQueue)
    followers: dict[int, list[int]] = field(default_factory=dict)

    async def run(self) -> None:
        """Send everything and wait for all answers; Ctrl-C ends it with what is there.

        Raises `ValueError` if the server cannot be reached, or refuses a request before it has answered any.
        """
        aiohttp = library()
        count = len(self.trace)
        self.columns = {name: np.full(count, np.nan) for name in TIMES}
        self.columns |= {name: np.full(count, -1, np.int64) for name in COUNTS}
        self.pieces, self.errors = [array("d") for _ in range(count)], [""] * count
        self.head, self.followers = self._head(), _followers(self.trace)
        watch = aiohttp.TraceConfig()
        watch.on_request_chunk_sent.append(self._note)
        limits = aiohttp.ClientTimeout(total=self.server.timeout)
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.server.key}"} if self.server.key else {}
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE)
        async with aiohttp.ClientSession(
            connector=connector, timeout=limits, headers=headers, trace_configs=[watch]
        ) as self.session:
            self.begin = time.perf_counter() + (START if self.clients is None else 0.0)
            self._start(self._open() if self.clients is None else self._closed(self.clients))
            try:
                await self._settle()
            except asyncio.CancelledError:
                self.stop(BY_HAND, at_once=True)
                await self._settle()
        if self.fatal:
            raise ValueError(self.fatal)

    def stop(self, why: str, at_once: bool = False) -> None:
        """Send nothing more; answers that are on their way still come, unless all ends `at_once`."""
        self.stopped = self.stopped or why
        self.line.put_nowait(END)
        for task in self.tasks if at_once else self.asleep:
            if task is not asyncio.current_task():
                task.cancel()

    def now(self) -> float:
        """Return the seconds since the first request was due."""
        return time.perf_counter() - self.begin

    async def _settle(self) -> None:
        while self.tasks:
            for found in await asyncio.gather(*self.tasks, return_exceptions=True):
                if isinstance(found, Exception):
                    raise found

    def _start(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _open(self) -> None:
        """Start every request that waits for no other at its time."""
        first = float(self.trace.arrival[0])
        for request in range(len(self.trace)):
            if self.trace.after is None or self.trace.after[request] < 0:
                due = (float(self.trace.arrival[request]) - first) / self.speed
                if due >= self.duration or self.stopped:
                    return
                body = self._body(request)
                await self._until(request, due)
                self._start(self._follow(request, body))

    async def _follow(self, request: int, body: bytes) -> None:
        """Send a request and let those that wait for its end follow."""
        await self._send(request, body)
        ended = self.now()
        for follower in self.followers.get(request, []):
            self._start(self._later(follower, ended + self._pause(follower)))

    async def _later(self, request: int, due: float) -> None:
        if due >= self.duration or self.stopped:
            return
        body = self._body(request)
        await self._until(request, due)
        await self._follow(request, body)

    async def _until(self, request: int, due: float) -> None:
        """Wait until a request is due; its body is ready by then."""
        self.columns["due"][request] = due
        await self._rest(asyncio.sleep(max(0.0, due - self.now())))

    async def _rest(self, what: Any) -> Any:
        """Wait for something that may be given up when sending ends early."""
        task = asyncio.current_task()
        assert task is not None
        self.asleep.add(task)
        try:
            return await what
        finally:
            self.asleep.discard(task)

    async def _closed(self, clients: int) -> None:
        """Keep so many requests in flight: whoever is free takes the first of those that may start."""
        for request in range(len(self.trace)):
            if self.trace.after is None or self.trace.after[request] < 0:
                self.line.put_nowait(request)
        if self.duration < math.inf:
            end = self.duration + self.begin - time.perf_counter()
            asyncio.get_running_loop().call_later(end, self.line.put_nowait, END)
        for _ in range(min(clients, len(self.trace))):
            self._start(self._work())

    async def _work(self) -> None:
        """Send one request after the other until none is left."""
        loop = asyncio.get_running_loop()
        while (request := await self._rest(self.line.get())) != END:
            self.columns["due"][request] = self.now()
            await self._send(request, self._body(request))
            for follower in self.followers.get(request, []):
                loop.call_later(self._pause(follower), self.line.put_nowait, follower)
            if self.ended == len(self.trace):
                break
        self.line.put_nowait(END)  # for the next client

    def _pause(self, request: int) -> float:
        return float(self.trace.pause[request]) / self.speed if self.trace.pause is not None else 0.0

    async def _send(self, request: int, body: bytes) -> None:
        """Send one request and note what became of it."""
        aiohttp = library()
        try:
            await self._ask(request, body)
            self.lost = 0
        except asyncio.CancelledError:
            self.errors[request] = f"not answered: {self.stopped or BY_HAND}"
            raise
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self.errors[request] = f"{type(error).__name__}: {error}".rstrip(": ")
            self._judge(request, error)
        finally:
            self.ended += 1
            self.progress(self.ended, len(self.trace))

    def _judge(self, request: int, error: Exception) -> None:
        """Decide whether a failure is one request's own, or the end."""
        aiohttp = library()
        unreachable = isinstance(error, aiohttp.ClientConnectorError)
        refused = isinstance(error, RefusedError) and 400 <= error.status < 500 and error.status not in AGAIN
        if (unreachable or refused) and not self.answered and not self.fatal:
            self.fatal = self._unreachable(error) if unreachable else self._remedy(request, error)
            self.stop(self.fatal, at_once=True)
            return
        gone = isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | BrokenError)
        self.lost = self.lost + 1 if gone else 0
        if self.lost == LOST:
            self.stop(f"the server was lost: {LOST} requests in a row found none")

    def _unreachable(self, error: Any) -> str:
        why = os.strerror(error.errno) if error.errno else str(error.os_error)
        return f"{self.server.url}: no server can be reached ({why}); start it, or name its address with --url"

    def _remedy(self, request: int, error: Any) -> str:
        """Return what a server refused, in its own words, and what may help."""
        if error.status in (401, 403):
            remedy = "it wants a key: put it into the environment variable OPENAI_API_KEY"
        elif error.status in (404, 405):
            models = f"{self.server.url}/models"
            remedy = f"name with --model one that {models} lists, and an address that ends in /v1 with --url"
        elif "vocab" in error.said:
            remedy = "its model has fewer token ids: say how many with --vocabulary"
        elif any(word in error.said for word in LENGTHS):
            sizes = f"{self.trace.prompt[request]} tokens and asks for {self.trace.output[request]}"
            remedy = f"the request has {sizes}: serve a longer context (vLLM: --max-model-len) or replay shorter ones"
        elif self.hints is not None:
            remedy = (
                "send what it accepts, and if that is one of our hints (vllm_xargs, cache_salt, priority): --no-hints"
            )
        else:
            remedy = "send what it accepts"
        return f"{self.server.address}: the server answers {error.status}: {error.said}; {remedy}"

    async def _ask(self, request: int, body: bytes) -> None:
        """Send one request, and once more where the server closed the connection as it was used: not a byte came."""
        try:
            await self._stream(request, body)
        except library().ServerDisconnectedError:
            await self._stream(request, body)

    async def _stream(self, request: int, body: bytes) -> None:
        """Send one request and note when its tokens come; raise what goes wrong."""
        ids: list[int] = []
        ended, rest = False, b""
        async with self.session.post(self.server.address, data=body, trace_request_ctx=request) as answer:
            if answer.status != 200:
                raise RefusedError(answer.status, await answer.text(errors="replace"))
            async for piece in answer.content.iter_any():
                now = self.now()
                *lines, rest = (rest + piece).split(b"\n")
                for event in (line[len(DATA) :].strip() for line in lines if line.startswith(DATA)):
                    ended = ended or event == DONE
                    if event != DONE:
                        self._event(request, json.loads(event), now, ids)
        if not ended:
            raise BrokenError("the answer broke off before its end")
        times = self.pieces[request]
        if not times:
            raise ValueError("the answer holds no token")
        self.columns["finish"][request] = times[-1]
        self.prompts.answered(request, ids)

    def _event(self, request: int, event: Any, now: float, ids: list[int]) -> None:
        """Note one event of a stream: a piece of text is a token, until the server tells how many there were."""
        if event.get("error"):
            raise ValueError(f"the server reports {said(json.dumps(event))}")
        columns = self.columns
        if event.get("choices"):
            self.pieces[request].append(now)
            columns["output"][request] = len(self.pieces[request])
            ids += event["choices"][0].get("token_ids") or ()
            self.answered = True
            self.served = self.served or str(event.get("model", ""))
        usage = event.get("usage")
        if usage:
            columns["output"][request] = usage.get("completion_tokens", columns["output"][request])
            columns["counted"][request] = usage.get("prompt_tokens", -1)
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            columns["cached"][request] = -1 if cached is None else cached

    def _head(self) -> bytes:
        asked = {"ignore_eos": True, "temperature": 0.0, "stream": True, "stream_options": {"include_usage": True}}
        return json.dumps({"model": self.server.model} | asked).encode()[:-1]

    def _body(self, request: int) -> bytes:
        tokens = b"%d" % self.trace.output[request]
        more = b', "return_token_ids": true' if self.prompts.wants(request) else b""
        if self.hints is not None:
            more += b", " + json.dumps(self.hints.of(request)).encode()[1:-1]
        lengths = b', "max_tokens": ' + tokens + b', "min_tokens": ' + tokens
        return self.head + lengths + more + b', "prompt": ' + self.prompts.body(request) + b"}"

    async def _note(self, session: Any, context: Any, params: Any) -> None:
        self.columns["sent"][context.trace_request_ctx] = self.now()


def said(text: str) -> str:
    r"""Return what a server said as one short line; of JSON, its message.

    >>> said('{"error": {"message": "no such\\nmodel"}}')
    'no such model'
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    line = " ".join(str(found).split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def library() -> Any:
    """Return aiohttp; raise `ValueError` that names the extra if it is not installed."""
    try:
        import aiohttp
    except ImportError:
        raise ValueError("replay needs the extra: pip install 'evenly[replay]'") from None
    return aiohttp


def _followers(trace: Trace) -> dict[int, list[int]]:
    """Return who waits for whom."""
    found: dict[int, list[int]] = {}
    if trace.after is not None:
        for request in np.flatnonzero(trace.after >= 0).tolist():
            found.setdefault(int(trace.after[request]), []).append(request)
    return found
