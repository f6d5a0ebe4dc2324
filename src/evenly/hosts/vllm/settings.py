"""What the user asks of the adapter, from vLLM's own `--additional-config`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evenly.core import Document
from evenly.core.document import unstructure
from evenly.serve.admissions import Admission
from evenly.serve.admissions.always import Always
from evenly.serve.budgets import Budget
from evenly.serve.orders import Order
from evenly.serve.orders.first_come import FirstCome
from evenly.serve.rebuild import derived
from evenly.serve.retentions import Retention
from evenly.serve.retentions.never import Never
from evenly.serve.scenario import ServeScenario
from evenly.serve.victims import Victim
from evenly.serve.victims.last import Last

KEY = "evenly"  # of the adapter's settings in --additional-config
SLOTS = ("order", "budget", "admit", "evict", "retain", "seed")  # what a scenario and a real engine share


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The policies of an engine, by the names and fields that scenarios use."""

    order: Order = field(default_factory=FirstCome)
    "Who is next in the queue."
    budget: Budget | None = None
    "Tokens of a pass, never more than vLLM's `--max-num-batched-tokens`; by default that."
    admit: Admission = field(default_factory=Always)
    "Whether the head of the queue may start."
    evict: Victim = field(default_factory=Last)
    "Who is preempted when blocks are missing."
    retain: Retention = field(default_factory=Never)
    "How long the blocks of a paused program are kept."
    seed: int = 0
    "Seed of the policies' own draws."
    scenario: str | None = None
    "A scenario file whose policies are taken; fields beside it take precedence."
    variant: str | None = None
    "Which entry of the scenario's `compare`; needed if it has several."
    steps: str | None = None
    "File to which a line is written for each pass; `evenly calibrate` reads it."

    def told(self) -> dict[str, Any]:
        """Return the policies as plain values, for logs."""
        return {slot: unstructure(getattr(self, slot)) for slot in SLOTS}


def settings(additional: Any) -> Settings:
    """Return what `additional`, vLLM's additional configuration, says under "evenly"; defaults if it says nothing.

    >>> settings({"evenly": {"order": "priority"}}).order
    Priority()

    Raises `ValueError` that lists every mistake and names the flag.
    """
    asked = additional.get(KEY) if isinstance(additional, Mapping) else None
    if asked is None:
        return Settings()
    source = f"--additional-config {json.dumps({KEY: asked})}"
    if isinstance(asked, str):
        asked = {"scenario": asked}
    if not isinstance(asked, Mapping):
        raise ValueError(f"{source}: expected a scenario file or a mapping such as {{'order': 'priority'}}")
    asked = dict(asked)
    if isinstance(asked.get("scenario"), str):
        asked = _of_scenario(Path(asked["scenario"]), asked.get("variant"), source) | asked
    return Document(asked, source, folder=Path.cwd()).structure(Settings)


def _of_scenario(path: Path, variant: Any, source: str) -> dict[str, Any]:
    """Return the policies of a scenario file, files of the user's own by their full names."""
    document = Document.read(path)
    variants = document.variants()
    if variant is None and len(variants) > 1:
        names = ", ".join(repr(name) for name in variants)
        raise ValueError(f"{source}: '{path}' compares {names}; say which one: \"variant\": ...")
    if variant is not None and variant not in variants:
        names = ", ".join(repr(name) for name in variants)
        raise ValueError(f"{source}: no variant {variant!r} in '{path}'; it has {names}")
    chosen = variants[variant if variant is not None else next(iter(variants))]
    kept = Document(
        {slot: chosen.raw[slot] for slot in SLOTS if slot in chosen.raw}, str(path), chosen.lines, chosen.folder
    ).structure(Settings)
    if "rebuild" in getattr(type(kept.retain), "derives", ()):  # from the cost model that the scenario names
        scenario: Any = chosen.structure(ServeScenario, ignore=("kind",))
        found = scenario.retention(scenario.fleet()).rebuild
        kept = replace(kept, retain=derived(kept.retain, {"rebuild": found}))
    return {slot: unstructure(getattr(kept, slot)) for slot in SLOTS if slot in chosen.raw}
