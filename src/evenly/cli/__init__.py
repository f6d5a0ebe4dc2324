"""The command line: one file a command, and what all of them share in `command.py`.

Heavy packages are imported by the command that needs them, so that help is instant. Results go to the output, notes,
progress and errors to the error stream.
"""

import gc
import os
import sys
import warnings
from typing import Any

from evenly.cli import (  # noqa: F401 a command joins the app when its file is imported
    calibrate,
    compare,
    lookup,
    measure,
    plan,
    replay,
    report,
    reproduce,
    sweep,
)
from evenly.cli.command import app, check_words


def main(words: list[str] | None = None) -> None:
    """Run the command line; a mistake of the user ends in one message and exit code 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            try:
                words = sys.argv[1:] if words is None else words
                check_words(words)
                app(words)
            finally:
                sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except ValueError as error:
        _fail(str(error))
    except MemoryError:
        _fail("memory is used up; take fewer requests, replicas or jobs")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    finally:
        gc.freeze()  # else Python searches half a million objects for garbage before it lets go of all of them


def _warn(message: Warning | str, *place: Any, **more: Any) -> None:
    """Show a warning as a sentence; where in the code it arose says nothing to a user."""
    print(f"warning: {message}", file=sys.stderr)


def _fail(text: str) -> None:
    for line in text.splitlines():
        print(f"error: {line}", file=sys.stderr)
    sys.exit(2)
