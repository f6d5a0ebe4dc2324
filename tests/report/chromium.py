"""Drive a headless Chromium through its debugging pipe: no driver and no package is needed."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30  # seconds for one answer of the browser


def binary() -> str | None:
    """Return the path of an installed Chromium, the one that CHROMIUM names first."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab of a headless Chromium; remembers errors of the console and requests to the network."""

    def __init__(self, profile: Path) -> None:
        command = binary()
        assert command is not None
        there, self._out = os.pipe()
        self._in, here = os.pipe()

        def hand_over() -> None:
            os.dup2(os.dup(there), 60)
            os.dup2(os.dup(here), 61)
            os.dup2(60, 3)
            os.dup2(61, 4)

        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
        quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
        self.process = subprocess.Popen(
            [
                command,
                *options,
                *quiet,
                "--hide-scrollbars",
                "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=hand_over,
            close_fds=False,
            start_new_session=True,
        )
        os.close(there)
        os.close(here)
        self._serial = itertools.count(1)
        self._rest = b""
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)

    _session = ""
    _frame = ""

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command to the page and return its result."""
        return self._ask(self._session, method, parameters)

    def _ask(self, session: str, method: str, parameters: dict[str, Any]) -> Any:
        """Return the result of a command; events that come in between are noted."""
        number = next(self._serial)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        return self._value(self._session, script)

    def _value(self, session: str, script: str) -> Any:
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        return self._ask(session, "Runtime.evaluate", asked)["result"].get("value")

    def open(self, path: Path, scheme: str = "light", width: int = 1280, height: int = 900) -> None:
        """Load a report in a colour scheme and wait until its pictures are drawn."""
        self.load(path, scheme, width, height)
        self.wait(f"document.documentElement.dataset.drawn === '{scheme}'")

    def load(self, path: Path, scheme: str = "light", width: int = 1280, height: int = 900) -> None:
        """Load a file in a colour scheme, with everything that it asks for."""
        self.errors.clear()
        self.requests.clear()
        self._frame = ""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        self.wait_for(lambda: bool(self.evaluate(expression)))

    def inside(self, script: str) -> Any:
        """Return the value of an expression in the frame of the page, a sandboxed document of its own."""
        self.wait_for(lambda: bool(self._frame))
        return self._value(self._frame, script)

    def wait_for(self, done: Callable[[], bool]) -> None:
        """Ask until something is so."""
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end, f"not so after {PATIENCE} s; {self.errors}"
            self.evaluate("0")

    def picture(self, path: Path) -> None:
        """Save the whole page as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._out)
        os.close(self._in)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._in, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Target.attachedToTarget" and parameters["targetInfo"]["type"] == "iframe":
            self._frame = parameters["sessionId"]
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.errors.append(str([argument.get("value", argument) for argument in parameters["args"]]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.errors.append(str(parameters["entry"]["text"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(str(parameters["request"]["url"]))


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser for the length of a block."""
    tab = Browser(profile)
    try:
        yield tab
    finally:
        tab.close()
