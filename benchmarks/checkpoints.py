"""How long training waits for checkpoints, five ways in one run, at two sizes; renews the page of DataStates-LLM.

Needs torch: `.venv-vllm/bin/python -m benchmarks.checkpoints`. Times are elapsed ones: other work on the machine shows.
"""

from pathlib import Path

from benchmarks.fidelity import insert
from evenly.hosts.torch.checkpoints.measure import table

PAGE = Path(__file__).parents[1] / "docs" / "systems" / "datastates-llm.md"


def main() -> None:
    """Measure, print, and put the tables into the page."""
    found = "\n\n".join([table(96.0, 1.0, 6), table(576.0, 2.0, 4)])
    PAGE.write_text(insert(PAGE.read_text(encoding="utf-8"), {"saved": found}), encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
