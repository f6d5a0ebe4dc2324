"""A real vLLM that serves a tiny model of random weights on this machine, for as long as a test needs it."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 64,  # the least that attention on a CPU knows is 32
    "vocab_size": 8000,
    "max_position_embeddings": 4096,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "float32",
}
FLAGS = ("--load-format", "dummy", "--skip-tokenizer-init", "--enforce-eager", "--dtype", "float32")
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "OMP_NUM_THREADS": "1",  # threads that spin for a core make a small machine slow and unsteady
    "VLLM_CPU_OMP_THREADS_BIND": "1",
}
START = 300.0  # seconds that a start may take: three processes import torch, one after the other
STOP = 30.0  # seconds that a stop may take before the whole group is killed
ASK = 0.25  # seconds between two questions whether it is up
CAUSES = 3  # errors of the log that a failure shows, the first ones
TAIL = 2000  # characters of its end


@dataclass(frozen=True, slots=True)
class Server:
    """A vLLM that answers."""

    url: str
    "Address up to and with `/v1`."
    model: str
    "Name under which it serves the model: its folder."
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def root(self) -> str:
        """Return the address without `/v1`, for `/health` and `/metrics`."""
        return self.url.removesuffix("/v1")


def needs_vllm() -> None:
    """Skip where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed here; make its environment with tools/vllm_env.py", allow_module_level=True)


def model_folder(folder: Path, **changes: object) -> Path:
    """Write the description of the tiny model, with changes, into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(MODEL | changes))
    return folder


@contextlib.contextmanager
def serving(
    folder: Path, flags: Sequence[str] = (), environment: Mapping[str, str] | None = None, longest: int = 2048
) -> Iterator[Server]:
    """Serve the model in `folder` on a free port until the block ends; no process of it is left afterwards.

    `flags` are those of `vllm serve`, `longest` is the longest prompt and answer. Fails with the end of the log if the
    server does not come up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", str(folder), *FLAGS]
    command += ["--max-model-len", str(longest), "--host", "127.0.0.1", "--port", str(port), *flags]
    log = folder / f"server-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | ENVIRONMENT | dict(environment or {}),
            cwd=folder,
            start_new_session=True,  # a group of its own: its engine and workers end with it
        )
    server = Server(f"http://127.0.0.1:{port}/v1", str(folder), log, process)
    try:
        _wait(server)
        yield server
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server as Ctrl-C does, and what is left of its group by force."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left(process)


def left(process: subprocess.Popen[bytes]) -> list[str]:
    """Return the names of the processes that a server left behind when it ended.

    A worker takes a moment to give its memory back, so those that run are given time to end.
    """
    end = time.monotonic() + STOP
    while (found := running(process)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def running(process: subprocess.Popen[bytes]) -> list[str]:
    """Return the names of the processes that a server started and that still run; Linux tells them by their session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended in this moment
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
            state, _, _, session = rest.split()[:4]
            if int(session) == process.pid and state != "Z":
                found.append(name)
    return found


def _wait(server: Server) -> None:
    """Wait until the server is healthy; fail if it ended or takes too long."""
    end = time.monotonic() + START
    while server.process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.root}/health", timeout=START):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(ASK)
    what = f"ended with {server.process.poll()}" if server.process.poll() is not None else f"is not up after {START} s"
    text = server.log.read_text(errors="replace")
    causes = [line for line in text.splitlines() if "Error: " in line][:CAUSES]  # the first is the root of the others
    pytest.fail("\n".join([f"vLLM {what}; its log says:", *causes, "...", text[-TAIL:]]))
