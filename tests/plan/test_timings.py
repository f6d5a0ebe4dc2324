"""Plans timed by measured kernels: tables that say what the roofline says, tables with holes, and real ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.hardware.profiles.kernels import activation, norms
from evenly.papers.testbed import Given
from evenly.plan.candidate import evaluate
from evenly.plan.cost import ROOFLINE, Passes, Tables
from evenly.plan.layout import Layout
from evenly.plan.origins import HOST
from evenly.plan.pool import Pool
from evenly.plan.scenario import PlanScenario
from evenly.plan.search import search
from evenly.plan.spent import Spent
from evenly.plan.timings import Timing
from evenly.plan.timings.profile import Profile
from evenly.plan.timings.roofline import Roofline
from evenly.plan.timings.silicon import Silicon
from evenly.plan.told import as_json, sentences
from tests.hardware.toy_profile import build
from tests.plan import toy_tables
from tests.plan.samples import requests

EMPTY = np.zeros(0, np.int64)
ENGINE = Passes(gathers="engine")
LAYOUTS = [
    Layout(),
    Layout(tensor=8),
    Layout(stages=2, tensor=4),
    Layout(tensor=8, attention=2),
    Layout(tensor=8, network=2),
]
WHOLE = Layout(tensor=4, experts="expert")


def plan_of(name: str, layout: Layout, timing: Timing, clock: float = 1.0) -> PlanScenario:
    """Return a model on H100 with the given kernels."""
    return PlanScenario(trace=Given(), model=name, cost=ENGINE, timing=timing, clock=clock).with_layout(layout)


def passed(tables: Tables, prompts: list[int], decodes: int, context: int, together: int) -> float:
    """Return the seconds of a pass of one rank, with what `together` tokens of all ranks take."""
    held = np.zeros(len(prompts), np.int64)
    read = tables.reader.seconds
    own = read(np.array(prompts, np.int64), held, decodes, float(decodes * context), context, tables.own)[0]
    shared = read(EMPTY, EMPTY, together, 0.0, 0, tables.shared)[0] if len(tables.shared) else 0.0
    return float(own + shared)


def beside(name: str, layout: Layout, tokens: int, together: int) -> float:
    """Return the seconds of what the roofline leaves out: norms, rotation, activation, embedding, router."""
    of, card = model(name), device("h100")
    layers = max(layout.depths(of.layers))
    ranks, copies = layout.tensor // layout.attention, layout.network
    all_tokens = together if layout.attention > 1 else tokens
    small = norms(of, card, ranks)(tokens) + activation(of, card, layout.tensor // copies)(all_tokens / copies)
    if of.experts:
        router = of.experts * of.hidden * 2 / (card.bandwidth * ENGINE.memory)
        small += router * (1 - copies / layout.tensor)  # the roofline cuts it, no engine does
    return layers * small + tokens * of.hidden * 4 / (card.bandwidth * 0.8)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folders of toy tables by model; each kernel is read once for all tests."""
    place = tmp_path_factory.mktemp("toy")
    return {name: toy_tables.write(place / name, name) for name in ("llama-3-8b", "mixtral-8x7b")}


@pytest.mark.parametrize(
    ("name", "layout", "clock"),
    [
        *(("llama-3-8b", one, 1.0) for one in LAYOUTS),
        ("llama-3-8b", LAYOUTS[1], 0.5),
        ("llama-3-8b", LAYOUTS[3], 0.5),
        ("mixtral-8x7b", Layout(tensor=4), 1.0),
        ("mixtral-8x7b", WHOLE, 1.0),
        ("mixtral-8x7b", WHOLE, 0.5),
    ],
)
def test_tables_that_say_what_the_roofline_says_give_its_passes(
    name: str, layout: Layout, clock: float, toy: dict[str, Path]
) -> None:
    silicon = Silicon(str(toy[name]))
    measured, told = (plan_of(name, layout, one, clock).crew().tables for one in (silicon, Roofline()))
    for prompts, decodes in (([], 1), ([], 64), ([], 128), ([1024], 0)):
        tokens = sum(prompts) + decodes
        together = tokens * layout.attention
        ours = passed(measured, prompts, decodes, 512, together) - beside(name, layout, tokens, together)
        theirs = passed(told, prompts, decodes, 512, together)
        if together / clock <= 128:
            assert ours == pytest.approx(theirs, rel=1e-9)
        else:  # the roofline has the weights of the head, tables its arithmetic as well
            assert theirs * (1 - 1e-9) <= ours <= theirs * 1.08


def test_what_the_tables_lack_is_timed_by_the_roofline_and_told(toy: dict[str, Path], tmp_path: Path) -> None:
    whole, holed = toy["mixtral-8x7b"], tmp_path / "holed"
    toy_tables.write(holed, "mixtral-8x7b", without=("moe", "context_attention"))
    full, less = (
        evaluate(plan_of("mixtral-8x7b", Layout(tensor=4), Silicon(str(one))), requests(20)) for one in (whole, holed)
    )
    assert less.figures["tpot_mean"] == pytest.approx(full.figures["tpot_mean"], rel=0.02)
    assert full.origins.get(ROOFLINE, 0.0) == 0.0
    assert less.origins[ROOFLINE] > 0.4
    assert sum(less.origins.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_seconds_by_source_are_those_of_passes(layout: Layout, toy: dict[str, Path]) -> None:
    silicon = Silicon(str(toy["llama-3-8b"]))
    one = evaluate(plan_of("llama-3-8b", layout, silicon), requests(30))
    spent: Spent = one.spent
    assert spent.total == pytest.approx(layout.devices * one.figures["makespan"], rel=1e-6)
    assert sum(one.origins.values()) == pytest.approx(1.0)
    assert one.origins[HOST] == pytest.approx(spent.host / spent.busy, rel=1e-6)
    assert min(spent.compute, spent.memory, spent.waiting, spent.idle) >= 0


def test_a_search_leaves_out_what_a_profile_does_not_time_or_fills_it(tmp_path: Path) -> None:
    profile = Profile(str(build(tmp_path / "toy")))
    base = PlanScenario(trace=Given(), model="llama-3-8b", timing=profile)
    found = search(base, 2, requests(20), "latency")
    assert {one.scenario.layout.tensor for one in found.candidates} == {1}
    assert all("was not profiled for tensor 2" in one.untimed or "whole layers" in one.untimed for one in found.unfit)
    assert any("have no table and are left out; the first, " in text for text in sentences(found))
    assert len(as_json(found, 1)["untimed"]) == len(found.unfit)
    assert found.winner.origins["profile"] > 0
    filled = search(replace(base, timing=replace(profile, fill=True)), 2, requests(20), "latency")
    assert len(filled.candidates) == len(found.candidates) + len(found.unfit)
    assert not filled.unfit
    assert {one.origins.get("profile", 0.0) > 0 for one in filled.candidates} == {True, False}


def test_a_plan_that_the_roofline_alone_puts_first_says_so(tmp_path: Path) -> None:
    """Slices of experts are measured, ten times slower than the roofline; whole experts have no table."""
    folder = toy_tables.write(tmp_path / "toy", "mixtral-8x7b", slices=10.0)
    base = PlanScenario(trace=Given(), model="mixtral-8x7b", timing=Silicon(str(folder)))
    found = search(base, 4, requests(20), "tpot_mean")
    assert found.winner.scenario.experts == "expert"
    assert any("that alone may put this plan first" in text for text in sentences(found))


def test_a_profile_without_the_model_is_refused(tmp_path: Path) -> None:
    folder = build(tmp_path / "toy", meta="gpu: H100\nmodel: meta-llama/Llama-3.1-8B\n")
    base = PlanScenario(trace=Given(), model="llama-3-70b", timing=Profile(str(folder)))
    with pytest.raises(ValueError, match=r"no layout of llama-3-70b on 2 x h100 can be timed; .* of llama-3.1-8b, not"):
        search(base, 2, requests(5))
    same = replace(base, model="llama-3-8b")
    assert search(same, 1, requests(5)).winner.title == "1 device"


def test_a_device_without_tables_is_refused() -> None:
    pytest.importorskip("aiconfigurator_core", reason="needs the extra silicon")
    base = PlanScenario(trace=Given(), model="llama-3-8b", device="a10", timing=Silicon())
    with pytest.raises(ValueError, match="no tables of a10; known: a100-80gb"):
        search(base, 1, requests(5))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no tables of AIConfigurator"):
        plan_of("llama-3-8b", Layout(), Silicon(str(tmp_path))).crew()


def test_a_damaged_table_is_an_error_and_no_hole(tmp_path: Path) -> None:
    folder = toy_tables.write(tmp_path / "toy")
    (folder / "vllm-1.0" / "gemm_perf.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(ValueError, match=r"cannot read '.*gemm_perf.parquet'"):
        plan_of("llama-3-8b", Layout(), Silicon(str(folder))).crew()


def test_a_table_of_one_device_is_not_for_pools_of_others(toy: dict[str, Path]) -> None:
    silicon = Silicon(str(toy["llama-3-8b"]))
    mixed = replace(plan_of("llama-3-8b", Layout(), silicon), beside=(Pool(device="l40s", share=0.5),))
    with pytest.raises(ValueError, match="has one kind of device"):
        mixed.crew()


# ---- Real tables ---------------------------------------------------------------------------------------------------


def test_a_token_takes_what_the_makers_of_the_tables_say(data: Path) -> None:
    """Llama 3.1 70B on 8 x H100, 8 decodes of 800 tokens: 10.1 ms by AIConfigurator's own estimate."""
    silicon = Silicon(str(data / "kernel_tables_aic" / "h100_sxm"))
    tables = plan_of("llama-3.1-70b", Layout(tensor=8), silicon).crew().tables
    assert passed(tables, [], 8, 800, 8) - ENGINE.host == pytest.approx(10.1e-3, rel=0.15)
    assert {one.source for one in tables.kernels if one.role == "collective"} == {"AIConfigurator vllm-0.24.0"}


def test_collectives_of_copied_cells_are_those_of_the_tables(data: Path) -> None:
    silicon = Silicon(str(data / "kernel_tables_aic" / "h100_sxm"))
    tables = plan_of("llama-3.1-70b", Layout(tensor=8, attention=2), silicon).crew().tables
    exchanged = [one for one in (*tables.kernels, *tables.together) if one.role == "collective"]
    assert exchanged
    assert all(one.source.startswith("AIConfigurator") for one in exchanged)


def test_layers_of_a_published_profile_time_its_own_number_of_devices(data: Path) -> None:
    folder = data / "llmservingsim_profiles" / "H100" / "meta-llama" / "Llama-3.1-70B"
    base = PlanScenario(trace=Given(), model="llama-3.1-70b", timing=Profile(str(folder)))
    found = search(base, 8, requests(20), "tpot_mean")
    assert {one.scenario.layout.tensor for one in found.candidates} == {4}
    assert {one.scenario.layout.stages for one in found.candidates} == {1, 2}
    assert any("was not profiled for tensor 8; known: 1, 2, 4" in one.untimed for one in found.unfit)
