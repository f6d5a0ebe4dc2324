"""A tiny server with a queue that speaks enough of OpenAI's protocol to be replayed against.

`python -m benchmarks.stub` serves on a free port, prints it, and stops when its input closes.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field

SEATS = 64  # requests that are answered at the same time; the rest wait
PREFILL = 2e-6  # seconds a prompt token
DECODE = 1e-4  # seconds an output token
PIECE = 64  # tokens that come at once: the stub must not be slower than the client


@dataclass(slots=True)
class Stub:
    """Answers `POST /v1/completions` with as many tokens as are asked for, first come first served."""

    seats: int = SEATS
    piece: int = PIECE
    refuse: int = 0
    "The first so many requests get `status` and `reason`."
    status: int = 503
    reason: bytes = b"busy"
    cut: int = 0
    "The next so many answers break off."
    stale: int = 0
    "The next so many requests over a connection that was used before find it closed."
    last: int | None = None
    "After so many answers it is gone, and answers on their way break off."
    tell: bool = False
    "Whether answers have token ids, the number of the last prompt token and up, and prompts are counted."
    extra: int = 0
    "Tokens that it adds to each prompt in its count, as servers do that begin with a token of their own."
    bodies: list[dict[str, object]] = field(default_factory=list)
    "What was asked for, if `keep`."
    keep: bool = False
    server: asyncio.Server | None = None
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def listen(self) -> asyncio.Server:
        """Return a running server on a free port of this machine."""
        self.free = asyncio.Semaphore(self.seats)
        self.server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 24)
        return self.server

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        used = False
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")
                )
                body = json.loads(await reader.readexactly(length))
                if used and self.stale:
                    self.stale -= 1
                    break
                used = True
                if not await self._answer(body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: dict[str, object], writer: asyncio.StreamWriter) -> bool:
        """Answer one request and return whether the connection goes on."""
        if self.keep:
            self.bodies.append(body)
        if self.refuse:
            self.refuse -= 1
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (self.status, len(self.reason)))
            writer.write(self.reason)
            await writer.drain()
            return True
        prompt, tokens = body["prompt"], body["max_tokens"]
        assert isinstance(prompt, list)
        assert isinstance(tokens, int)
        async with self.free:
            await asyncio.sleep(len(prompt) * PREFILL)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for begin in range(0, tokens, self.piece):
                some = min(self.piece, tokens - begin)
                choice: dict[str, object] = {"text": "a" * some, "index": 0}
                if self.tell and body.get("return_token_ids"):
                    choice["token_ids"] = [prompt[-1] + begin + k for k in range(some)]
                writer.write(_chunk({"choices": [choice], "model": "stub"}))
                if self.cut or self._gone():
                    self.cut = max(0, self.cut - 1)
                    await writer.drain()
                    return False
                await asyncio.sleep(some * DECODE)
        usage = {"completion_tokens": tokens} | ({"prompt_tokens": len(prompt) + self.extra} if self.tell else {})
        writer.write(_chunk({"choices": [], "usage": usage}))
        writer.write(_sized(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        if self.last is not None:
            self.last -= 1
            if self._gone() and self.server is not None:
                self.server.close()
        return not self._gone()

    def _gone(self) -> bool:
        return self.last is not None and self.last <= 0


def _chunk(event: dict[str, object]) -> bytes:
    return _sized(b"data: " + json.dumps(event).encode() + b"\n\n")


def _sized(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def _main() -> None:
    server = await Stub().listen()
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
