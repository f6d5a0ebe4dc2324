"""Small scenarios and policies, written to a folder as a user would."""

from pathlib import Path

from evenly.core import Document

SCENARIO = """
kind: serve
trace: {use: poisson, rate: 4, requests: 40, lengths: {use: fixed, prompt: 60, output: 8}}
cost: {use: linear, fixed: 0.01, token: 0.001}
replicas: 2
kv_tokens: 4096
max_model_len: 1024
seed: 3
"""
COMPARE = """
compare:
  one: {route: round-robin}
  two: {route: least-work}
"""
PYTHON = '''"""A router of my own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mine:
    """Send each request to the replica with the shortest queue."""

    weight: float = 1.0
    "What a waiting request counts for."

    def choose(self, now, request, requests, fleet, memory):
        """Return the replica."""
        return int((self.weight * fleet["waiting"] + fleet["running"]).argmin())
'''
COMPILED = PYTHON.replace("def choose(self, now", "@staticmethod\n    def choose(now").replace(
    'return int((self.weight * fleet["waiting"] + fleet["running"]).argmin())',
    """best = 0
        for replica in range(1, len(fleet)):
            mine = memory[0] * fleet[replica].waiting + fleet[replica].running
            if mine < memory[0] * fleet[best].waiting + fleet[best].running:
                best = replica
        return best""",
)
TRACE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,100,10
2023-11-16 18:17:04.0319600,300,20
2023-11-16 18:17:05.0319600,200,5
"""


def written(folder: Path, text: str = SCENARIO, name: str = "scenario.yaml") -> Path:
    """Write a file and return its place."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def document(folder: Path, text: str = SCENARIO) -> Document:
    return Document.read(written(folder, text))


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
