"""How far long work is, in a terminal."""

import contextlib
import sys
from collections.abc import Iterator

from evenly.core.scenario import Progress, silent


@contextlib.contextmanager
def progress(title: str, quiet: bool = False) -> Iterator[Progress]:
    """Show a progress bar on the error stream, if a person watches it; yield what moves it."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def tell(done: float, total: float) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
