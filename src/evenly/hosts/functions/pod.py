"""One interpreter process: started, deployed to, called, ended."""

import asyncio
import contextlib
import math
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from evenly.hosts.functions.runtimes import Runtime

PATIENCE = 60.0  # seconds that an answer may take before the process counts as lost


@dataclass(slots=True, eq=False)
class Pod:
    """A process that answers orders one at a time."""

    runtime: Runtime
    process: asyncio.subprocess.Process
    folder: Path
    "Where the code of its function is deployed; removed with it."
    function: int = -1
    edge: int = -1
    "Edge along which its first call is expected; -1 for none."
    served: int = 0
    born: float = math.nan
    "When its start as the pod of a function began; NaN while it is in a pool."
    until: float = 0.0
    "Platform time at which it is released if nobody calls."
    timer: asyncio.TimerHandle | None = field(default=None)

    async def order(self, text: str) -> None:
        """Send one order and wait for its answer; raise `RuntimeError` if the process is gone or does not answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        await self.answer(text)

    async def answer(self, text: str) -> None:
        """Wait for the answer to an order."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        if line.strip() != b"ok":
            raise RuntimeError(f"the {self.runtime.name} worker {self.process.pid} answers {line!r} to {text!r}")

    async def deploy(self, packages: bool) -> tuple[float, float]:
        """Make the interpreter the pod of a function; return the seconds for its code and for its dependencies."""
        start = time.perf_counter()
        path = self.folder / f"function{self.runtime.ending}"
        path.write_text(self.runtime.code, encoding="utf-8")
        await self.order(f"code {path}")
        middle = time.perf_counter()
        if packages and self.runtime.packages:
            await self.order(f"depend {' '.join(self.runtime.packages)}")
        return middle - start, time.perf_counter() - middle

    async def close(self) -> None:
        """End the process, wait for its end, and remove its folder."""
        if self.timer is not None:
            self.timer.cancel()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.wait()
        transport = getattr(self.process, "_transport", None)
        if transport is not None:
            transport.close()
        shutil.rmtree(self.folder, ignore_errors=True)


async def spawn(runtime: Runtime) -> Pod:
    """Start an idle interpreter and wait until it says that it is there."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*runtime.line(), stdin=pipe, stdout=pipe)
    pod = Pod(runtime, process, Path(tempfile.mkdtemp(prefix="evenly-function-")))
    try:
        await pod.answer("the start")
    except BaseException:
        await pod.close()
        raise
    return pod
