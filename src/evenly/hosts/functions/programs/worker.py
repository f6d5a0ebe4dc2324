"""An idle interpreter that becomes a function: it reads one order a line and answers each with `ok`.

It ends with its input, so that it cannot outlive whoever started it.
"""

import importlib
import sys
import time


def main() -> None:
    """Follow orders until there are none."""
    space: dict[str, object] = {"time": time}
    print("ok", flush=True)
    for line in sys.stdin:
        order, _, rest = line.strip().partition(" ")
        if order == "code":
            with open(rest, encoding="utf-8") as file:  # noqa: PTH123 pathlib takes longer to import than all the rest
                exec(compile(file.read(), rest, "exec"), space)
        elif order == "depend":
            for name in rest.split():
                importlib.import_module(name)
        elif order == "call":
            handle = space["handle"]
            assert callable(handle)
            handle(float(rest))
        print("ok", flush=True)


if __name__ == "__main__":
    main()
