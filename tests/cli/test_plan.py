"""`evenly plan` as a user types it, and what it answers to mistakes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Trace
from evenly.plan.layout import Layout
from tests.cli.user import evenly
from tests.hardware.toy_profile import build
from tests.plan import toy_tables
from tests.plan.samples import scenario

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:17:{second:02d}.0000000,{300 + 40 * second},{20 + second}\n" for second in range(0, 40, 2)
)
FLEET = "kind: serve\ntrace: {use: poisson, rate: 6, requests: 40}\nmodel: llama-3.1-8b\ndevice: a100-80gb\n"
ASK = ("plan", "--model", "llama-3-8b", "--gpus", "2xh100", "--trace", "trace.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trace.csv").write_text(AZURE)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path


def test_a_plan_is_a_table_a_reason_and_commands(folder: Path) -> None:
    said = evenly(*ASK, "--objective", "latency", "--jobs", "1", cwd=folder)
    assert (said.code, said.err) == (0, "")
    assert "llama-3-8b on 2 x h100" in said.out
    assert "2TP beats" in said.out
    assert "vllm serve $MODEL --tensor-parallel-size 2" in said.out


def test_json_is_the_whole_plan_and_nothing_else(folder: Path) -> None:
    said = evenly(*ASK, "--json", "--top", "2", "--jobs", "1", "--clocks", "--objective", "energy", cwd=folder)
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert len(told["candidates"]) == 2
    assert told["candidates"][0]["clock"] < 1
    assert told["candidates"][0]["figures"]["energy"] <= told["candidates"][1]["figures"]["energy"]
    assert {launch["engine"] for launch in told["launch"]} == {"vLLM", "SGLang", "Dynamo"}


def test_devices_of_several_kinds_are_one_plan(folder: Path) -> None:
    words = (*ASK[:4], "1xh100,2xl40s", *ASK[5:], "--price", "h100=2.5,l40s=1", "--objective", "cost", "--jobs", "1")
    told = json.loads(evenly(*words, "--json", "--top", "40", cwd=folder).out)
    kinds = {tuple(sorted(part["device"] for part in one["parts"])) for one in told["candidates"]}
    assert kinds == {("h100",), ("l40s",), ("h100", "l40s")}
    costs = [one["figures"]["cost"] for one in told["candidates"]]
    assert costs == sorted(costs)


def test_trials_are_kept_and_gone_on_with(folder: Path) -> None:
    pytest.importorskip("optuna", reason="trials need the extra optuna")
    words = (*ASK, "--objective", "energy", "--jobs", "1", "--json", "--out", "here")
    plain = json.loads(evenly(*words, cwd=folder).out)
    evenly(*words, "--trials", "4", cwd=folder)
    assert (folder / "here" / "trials.journal").is_file()
    said = evenly(*words, "--trials", "8", cwd=folder)
    assert said.err == ""
    best = json.loads(said.out)["candidates"][0]["figures"]["energy"]
    assert best <= plain["candidates"][0]["figures"]["energy"]


def test_a_bench_result_sets_the_figures_of_a_pass(folder: Path) -> None:
    """From the result file of a measured server to plans of other layouts, by two commands."""
    chance = np.random.default_rng(1)
    count = 120
    prompts, outputs = chance.integers(20, 7000, count), chance.integers(2, 60, count)
    sent = Trace(np.cumsum(chance.exponential(0.4, count)), prompts, outputs)
    server = scenario(Layout(), model="llama-3-8b")
    server = replace(server, cost=replace(server.cost, memory=0.6, compute=0.5, host=0.007))
    run = server.simulate(trace=sent, record_tokens=True)
    times = np.split(run.tokens, np.cumsum(outputs)[:-1])
    result = {
        "input_lens": prompts.tolist(),
        "output_lens": outputs.tolist(),
        "start_times": sent.arrival.tolist(),
        "ttfts": (run.requests["first_token"] - sent.arrival).tolist(),
        "itls": [np.diff(one).tolist() for one in times],
    }
    (folder / "bench.json").write_text(json.dumps(result | {"backend": "vllm", "model_id": "m", "date": "20260102"}))
    assert evenly("calibrate", "bench.json", cwd=folder).code == 0
    told = json.loads(evenly(*ASK, "--measured", "engine.yaml", "--jobs", "1", "--json", cwd=folder).out)
    assert told["facts"]["cost: memory share"] == pytest.approx(0.6, rel=0.1)
    assert told["facts"]["cost: compute share"] == pytest.approx(0.5, rel=0.1)
    assert told["facts"]["cost: host seconds of a pass"] == pytest.approx(0.007, abs=0.0007)


def test_kernels_come_from_a_folder_of_tables(folder: Path) -> None:
    toy_tables.write(folder / "tables")
    said = evenly(*ASK, "--cost", "tables", "--jobs", "1", cwd=folder)
    assert (said.code, said.err) == (0, "")
    assert "comes from: " in said.out
    assert "AIConfigurator vllm-1.0" in said.out
    told = json.loads(evenly(*ASK, "--cost", "tables", "--jobs", "1", "--json", cwd=folder).out)
    assert told["candidates"][0]["origins"]["AIConfigurator vllm-1.0"] > 0.3
    assert told["facts"]["cost: kernels"] == "AIConfigurator vllm-1.0, where measured, else roofline"


def test_layouts_without_a_table_are_left_out_or_filled(folder: Path) -> None:
    build(folder / "profile")
    words = (*ASK, "--cost", "profile", "--jobs", "1", "--json", "--top", "40")
    less, filled = (json.loads(evenly(*words, *more, cwd=folder).out) for more in ((), ("--fill",)))
    assert less["untimed"]
    assert not filled["untimed"]
    assert filled["scored"] > less["scored"]


def test_the_space_of_a_scenario_is_searched(folder: Path) -> None:
    words = ("plan", "fleet.yaml", "--objective", "ttft_p99", "--over", "replicas=1,2", "--jobs", "1", "--json")
    told = json.loads(evenly(*words, cwd=folder).out)
    assert [row["point"] for row in told["best"]] == [{"replicas": 2}, {"replicas": 1}]
    limited = json.loads(evenly(*words, "--limit", "energy<=1e-9", cwd=folder).out)
    assert not any(row["keeps_limits"] for row in limited["best"])


def test_points_that_cannot_be_are_told(folder: Path) -> None:
    said = evenly("plan", "fleet.yaml", "--over", "tensor=1,0", "--jobs", "1", cwd=folder)
    assert said.code == 0
    assert "1 points cannot be; the first: tensor=0" in said.out


def test_a_plan_scenario_declares_its_own_space(folder: Path) -> None:
    text = "kind: plan\nmodel: llama-3-8b\ntrace: {use: poisson, rate: 6, requests: 20}\n"
    (folder / "cut.yaml").write_text(text)
    words = ("plan", "cut.yaml", "--objective", "e2e_mean", "--limit", "devices<=2", "--jobs", "1", "--json")
    told = json.loads(evenly(*words, cwd=folder).out)
    assert told["best"][0]["keeps_limits"]
    assert told["best"][0]["metrics"]["devices"] <= 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan",), "--model, --gpus, --trace missing"),
        (("plan", "--model", "llama-3-8b", "--gpus", "h100", "--trace", "trace.csv"), "write devices as 8xh100"),
        (("plan", "--model", "llama-3-8b", "--gpus", "8xh10", "--trace", "trace.csv"), "did you mean 'h100'"),
        (("plan", "--model", "llama-3-70b", "--gpus", "1xh100", "--trace", "trace.csv"), "GB on each device"),
        (("plan", "--model", "llama-3-8b", "--gpus", "2xh100", "--trace", "nothing.csv"), "nothing.csv"),
        ((*ASK, "--slo", "ttft=2,e2e=1"), "cannot begin after 2 s"),
        ((*ASK, "--slo", "ttft=-1"), "positive number of seconds"),
        ((*ASK, "--slo", "ttft"), "write an SLO as ttft=1"),
        ((*ASK, "--objective", "speed"), "no objective or limit 'speed'"),
        ((*ASK, "--limit", "cost<=0"), "nothing is below 0"),
        ((*ASK, "--limit", "cost<=1", "--limit", "cost>=2"), "no plan has cost >= 2 and cost <= 1"),
        ((*ASK, "--price", "0"), "price is a positive price"),
        ((*ASK, "--top", "0"), "--top is at least 1"),
        ((*ASK, "--trials", "-1"), "--trials is at least 1"),
        ((*ASK, "--measured", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        ((*ASK[:4], "1xh100,1xl40s", *ASK[5:], "--measured", "engine.yaml"), "--measured tells of one kind of devices"),
        ((*ASK[:2], "llama-3-70b", "--gpus", "1xh100,2xl40s", *ASK[5:]), "fits into no pool: 1 x h100"),
        ((*ASK, "--cost", "nowhere"), "--cost nowhere: write roofline, silicon, silicon-block, or a folder"),
        ((*ASK, "--cost", "trace.csv"), "is no profile of LLMServingSim, Vidur or AIConfigurator"),
        ((*ASK, "--cost", "silicon", "--measured", "engine.yaml"), "--cost and --measured both say"),
        ((*ASK, "--cost", "silicon", "--fill"), "--fill: silicon leaves no layout out"),
        ((*ASK, "--fill"), "--fill is for layouts that have no table"),
        ((*ASK[:4], "1xh100,1xl40s", *ASK[5:], "--cost", "."), "has tables of one kind of devices"),
        (("plan", "fleet.yaml", "--cost", "silicon"), "says that already"),
        (("plan", "fleet.yaml", "--model", "llama-3-8b"), "says that already"),
        (("plan", "fleet.yaml", "--objective", "speed"), "no objective or limit 'speed'"),
    ],
)
def test_a_mistake_ends_in_one_message(words: tuple[str, ...], message: str, folder: Path) -> None:
    said = evenly(*words, cwd=folder)
    assert said.code == 2
    assert said.out == ""
    assert message in said.err
    assert "Traceback" not in said.err


def test_a_trace_without_arrivals_is_refused(folder: Path) -> None:
    (folder / "trace.csv").write_text("ContextTokens,GeneratedTokens\n10,20\n")
    said = evenly(*ASK, cwd=folder)
    assert said.code == 2
    assert "trace.csv" in said.err
    assert "Traceback" not in said.err
