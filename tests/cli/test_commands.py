"""Commands as a user types them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from evenly.core import Document
from evenly.lookup import listing, rooms, scenario_files
from tests.cli.user import Said, evenly
from tests.papers.test_evidence import write as write_paper
from tests.papers.test_reproduce import CLAIMS, CODE
from tests.sweep.samples import COMPARE, PYTHON, SCENARIO, TRACE, written

COMMANDS = ("compare", "measure", "list", "plan", "show", "replay", "reproduce", "report", "sweep")
ROW = ("system", "setting", "metric", "paper", "ours", "low", "high", "verdict", "source")


def failed(said: Said, *words: str) -> None:
    """Hold that a command ended in one clear message and nothing else."""
    assert said.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


def strict(text: str) -> Any:
    """Read JSON as strict readers do."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_examples_that_start_with_it(command: str) -> None:
    said = evenly(command, "--help")
    assert said.code == 0
    text = " ".join(said.out.split())
    assert f"Examples: evenly {command}" in text
    assert all(line in evenly("--help").out for line in COMMANDS)


def test_compare_prints_a_table_a_sentence_and_the_place_of_the_report(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO + COMPARE, "my scenario.yaml")
    said = evenly("compare", "my scenario.yaml", cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    assert "one" in said.out.splitlines()[0]
    assert "TTFT p99" in said.out
    assert said.out.splitlines()[-1] == "Report: runs/my scenario/report.html"
    assert (tmp_path / "runs/my scenario/report.html").read_text().startswith("<!doctype html>")


def test_compare_json_is_a_row_a_run_and_nothing_else(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO + COMPARE)
    said = evenly("compare", "scenario.yaml", "--seeds", "2", "--json", "--out", "ü 漢/out", cwd=tmp_path)
    assert (said.code, said.err) == (0, "")
    rows = strict(said.out)
    assert [(row["label"], row["seed"]) for row in rows] == [("one", 3), ("one", 4), ("two", 3), ("two", 4)]
    for row in rows:
        assert list(row) == ["label", "seed", "point", "folder", "metrics", "facts"]
        assert (tmp_path / "ü 漢/out" / row["folder"] / "marks.json").is_file()
        assert math.isfinite(row["metrics"]["ttft_p99"])


def test_set_changes_one_value_and_seeds_show_their_spread(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    words = ("--set", "replicas=3", "-s", "trace.requests=20", "--json", "--jobs", "2", "--seeds", "2")
    said = evenly("compare", "scenario.yaml", *words, cwd=tmp_path)
    assert [row["facts"]["replicas"] for row in strict(said.out)] == [3, 3]


def test_compare_twice_into_one_folder_reads_the_runs(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO + COMPARE)
    first = evenly("compare", "scenario.yaml", cwd=tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/scenario/*/marks.json")}
    assert evenly("compare", "scenario.yaml", cwd=tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/scenario/*/marks.json")} == times
    assert len(times) == 2


def test_an_embedded_scenario_runs_by_its_name(tmp_path: Path) -> None:
    small = ("--set", "trace.requests=20", "--set", "cost=linear")
    said = evenly("compare", "chat", *small, cwd=tmp_path)
    assert said.code == 0, said.err
    swept = evenly("sweep", "chat", *small, "--over", "trace.rate=4,8", "--set", "compare=null", "--json", cwd=tmp_path)
    assert [row["point"] for row in strict(swept.out)] == [{"trace.rate": 4}, {"trace.rate": 8}]
    assert (tmp_path / "runs/chat-sweep/report.html").is_file()


def test_a_trace_file_is_compared_by_itself_and_what_was_derived_is_told_on_the_side(tmp_path: Path) -> None:
    written(tmp_path, TRACE, "my requests.csv")
    words = ("compare", "my requests.csv", "--json", "--set", "cost=linear")
    said = evenly(*words, cwd=tmp_path)
    assert said.code == 0, said.err
    assert "my requests.csv: 3 requests" in said.err
    assert "replicas: 1, so that" in said.err
    assert {row["label"] for row in strict(said.out)} >= {"vllm-v0", "vllm-v1"}
    said = evenly(*words, "--set", "replicas=4", "--set", "max_model_len=4096", "--set", "trace.speed=2", cwd=tmp_path)
    assert "so that" not in said.err, "nothing is derived that was set"
    assert {row["facts"]["replicas"] for row in strict(said.out)} == {4}


def test_a_measured_profile_is_used_as_cost_and_a_missing_one_is_named(tmp_path: Path, data: Path) -> None:
    written(tmp_path, SCENARIO)
    failed(evenly("compare", "scenario.yaml", "--cost", "nowhere", cwd=tmp_path), "--cost: no file or folder 'nowhere'")
    profile = (data / "vllm_measured_llmservingsim" / "RTXPRO6000_Llama-3.1-8B" / "profile").resolve()
    card = ("--set", "device=rtx-pro-6000")
    said = evenly("compare", "scenario.yaml", "--cost", str(profile), *card, "--json", cwd=tmp_path)
    assert said.code == 0, said.err
    assert strict(said.out)[0]["facts"]["cost"].startswith(f"profile (path {profile}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "chta"), "no scenario or trace 'chta'; did you mean 'chat'?"),
        (("compare", "absent.yaml"), "absent.yaml: cannot be read: No such file"),
        (
            ("compare", "wrong.yaml"),
            "error: wrong.yaml:2: expected a whole number, found 2.5 @ replicas\nerror: wrong.yaml:3",
        ),
        (("compare", "scenario.yaml", "--seeds", "0"), "--seeds is at least 1, not 0"),
        (("compare", "scenario.yaml", "--jobs", "0"), "--jobs is at least 1, not 0"),
        (("compare", "scenario.yaml", "--set", "replicas"), "write an override as path=value, not 'replicas'"),
        (
            ("compare", "scenario.yaml", "--set", "rplicas=2"),
            "--set rplicas=2: no field 'rplicas'; did you mean 'replicas'?",
        ),
        (("compare", "scenario.yaml", "--out", "scenario.yaml/x"), "cannot be written: Not a directory"),
        (("compare", "scenario.yaml", "--bogus"), "Unknown option: --bogus"),
        (("compare", "scenario.yaml", "--seeds", "many"), "seeds"),
        (("sweep", "scenario.yaml"), "--over"),
        (("sweep", "scenario.yaml", "--over", "replicas"), "write an axis as path=a,b,c"),
        (("sweep", "scenario.yaml", "--over", "replicas=1,0"), "replicas and tensor are at least 1"),
        (("sweep", "scenario.yaml", "--over", "seed=1", "--backend", "ray"), "backend"),
        (("measure", "absent.csv"), "absent.csv: no such file"),
        (("measure", "scenario.yaml"), "is no request trace"),
        (("report", "nowhere"), "nowhere: no runs here; name a folder that compare or sweep wrote"),
        (("report", "nowhere", "--export", "csv"), "no 'csv' among exports"),
        (("list", "ruters"), "no room 'ruters'; did you mean 'routers'?"),
        (("show", "powr-of-d"), "nothing is called 'powr-of-d'; did you mean 'power-of-d'?"),
        (("show", "mine.py"), "say the room of 'mine.py' first: routers/mine.py"),
        (("reproduce", "fastgn"), "no paper 'fastgn'; did you mean 'fastgen'?"),
        (("reproduce", "fastgen", "--seeds", "2"), "evidence rests on at least 5 seeds, not 2"),
        (("cmopare",), "compare"),
    ],
)
def test_a_mistake_is_one_message_on_the_error_stream(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    written(tmp_path, SCENARIO)
    written(tmp_path, "kind: serve\nreplicas: 2.5\ntrce: poisson\ntrace: poisson\n", "wrong.yaml")
    failed(evenly(*words, cwd=tmp_path), said)


def test_a_policy_that_fails_is_one_message_and_leaves_no_run(tmp_path: Path) -> None:
    written(tmp_path, PYTHON.replace("return int(", "raise RuntimeError('no idea')\n        return int("), "mine.py")
    written(tmp_path, SCENARIO + "route: ./mine.py\n")
    said = evenly("compare", "scenario.yaml", "--out", "out", cwd=tmp_path)
    failed(said, f"{tmp_path / 'mine.py'}:15 in choose: RuntimeError: no idea")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["plan.json"]


def test_report_draws_the_page_again_and_exports(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO + COMPARE)
    evenly("compare", "scenario.yaml", "--out", "out", "--seeds", "2", cwd=tmp_path)
    page = tmp_path / "out" / "report.html"
    before = page.read_bytes()
    page.unlink()
    words = ("report", "out", "--export", "perfetto", "--export", "jsonl", "--export", "vllm-bench")
    said = evenly(*words, cwd=tmp_path)
    assert said.code == 0, said.err
    assert page.read_bytes() == before
    places = [Path(line.removeprefix("Export: ")) for line in said.out.splitlines() if line.startswith("Export: ")]
    assert len(places) == 4 * 3
    assert all((tmp_path / place).is_file() for place in places)


def test_a_report_of_an_incomplete_sweep_says_what_is_missing(tmp_path: Path) -> None:
    written(tmp_path, SCENARIO)
    evenly("sweep", "scenario.yaml", "--over", "replicas=1,2", "--out", "out", cwd=tmp_path)
    first = next((tmp_path / "out").glob("replicas=1*"))
    (first / "marks.json").unlink()
    said = evenly("report", "out", cwd=tmp_path)
    assert said.code == 0
    assert said.err == "1 runs are not complete; run the same command again to go on\n"


def test_measure_describes_a_trace_and_prints_strict_json(tmp_path: Path) -> None:
    written(tmp_path, TRACE, "requests.csv")
    said = evenly("measure", "requests.csv", cwd=tmp_path)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "Report: runs/requests-measured/report.html"
    assert isinstance(strict(evenly("measure", "requests.csv", "--json", cwd=tmp_path).out), dict | list)


def test_list_names_everything_and_json_says_the_same() -> None:
    said = evenly("list")
    found = strict(evenly("list", "--json").out)
    assert found == listing()
    for entries in found.values():
        for name, about in entries.items():
            assert f"  {name:<20} {about}" in said.out
    assert list(strict(evenly("list", "routers", "--json").out)) == ["routers"]


@pytest.mark.parametrize("noun", list(rooms()))
def test_show_tells_of_every_plugin_its_knobs_and_an_example(noun: str) -> None:
    for name in rooms()[noun]:
        said = evenly("show", f"{noun}/{name}")
        assert said.code == 0, said.err
        assert said.out.startswith(f"{name} ({noun})\n")
        assert "Knobs:" in said.out or "No knobs." in said.out
        assert f"use: {name}" in said.out


def test_show_tells_of_scenarios_papers_and_files_of_the_users_own(tmp_path: Path) -> None:
    for name, path in scenario_files().items():
        assert evenly("show", f"scenarios/{name}").out.strip() == path.read_text().strip()
    assert "Run them: evenly reproduce vllm-baseline" in evenly("show", "vllm-baseline").out
    assert "say which: papers/fastgen, engines/fastgen" in evenly("show", "fastgen").err
    written(tmp_path, PYTHON, "mine.py")
    assert "weight = 1.0: What a waiting request counts for." in evenly("show", "routers/mine.py", cwd=tmp_path).out


def test_reproduce_prints_rows_and_fails_for_a_miss_that_nobody_declared(tmp_path: Path) -> None:
    path = write_paper(tmp_path, CLAIMS, CODE)
    said = evenly("reproduce", path, "--json")
    rows = strict(said.out)
    assert all(set(ROW) <= set(row) for row in rows)
    assert {row["verdict"] for row in rows} == {"inside", "outside", "known miss", "skipped"}
    assert said.code == 1
    good = (
        CLAIMS.split("  - {setting: s, metric: out")[0]
        + CLAIMS[CLAIMS.index("  - {setting: s, metric: missed") :].split("  - {setting: s, metric: absent")[0]
    )
    (tmp_path / "good").mkdir()
    said = evenly("reproduce", write_paper(tmp_path / "good", good, CODE), "--json")
    assert {row["verdict"] for row in strict(said.out)} == {"inside", "known miss"}
    assert said.code == 0
    assert evenly("reproduce", write_paper(tmp_path / "good", good, CODE)).out.count("known miss") == 1


TRACE_LINES = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + "".join(
    f"2023-11-16 18:17:{k // 4:02}.{25 * (k % 4):02}00000,{400 + 60 * (k % 7)},{40 + 9 * (k % 5)}\n" for k in range(120)
)


def test_a_trace_is_served_by_the_variants_of_the_scenario_that_like_names(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(TRACE_LINES)
    said = evenly("compare", "mine.csv", "--like", "semi-pd", "--json", cwd=tmp_path)
    rows = {row["label"]: row["facts"] for row in strict(said.out)}
    assert list(rows) == list(strict_variants("semi-pd"))
    sizes = {label: facts["replicas"] for label, facts in rows.items()}
    assert {2 * sizes.pop("a device each")} == set(sizes.values()), "as many devices for all"
    assert {facts["host_overhead"] for facts in rows.values()} == {0.035}
    assert "mine.csv: 120 requests" in said.err
    assert "1 of \u201ca device each\u201d" in said.err


def strict_variants(name: str) -> dict[str, Any]:
    """Return the variants of an embedded scenario by label."""
    found: dict[str, Any] = Document.read(scenario_files()[name]).variants()
    return found


def test_like_keeps_the_proportion_of_replicas_that_a_user_sets(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(TRACE_LINES)
    words = ("compare", "mine.csv", "--like", "semi-pd", "--json", "--set")
    rows = strict(evenly(*words, "replicas=6", cwd=tmp_path).out)
    assert [row["facts"]["replicas"] for row in rows] == [6, 6, 6, 6, 6, 3]
    own = strict(evenly(*words, "compare.a device each.replicas=5", cwd=tmp_path).out)
    assert own[-1]["facts"]["replicas"] == 5
    failed(evenly(*words, "replicas=3", cwd=tmp_path), "--set replicas=3: take a multiple of 2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mine.csv", "--like", "semipd"), "--like: no scenario 'semipd'; did you mean 'semi-pd'?"),
        (("mine.csv", "--like", "nanoflow"), "kind is 'overlap'; a trace takes a scenario of kind 'serve'"),
        (("chat", "--like", "semi-pd"), "--like semi-pd: 'chat' is a scenario already"),
    ],
)
def test_a_like_that_cannot_be_is_one_clear_message(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(TRACE_LINES)
    failed(evenly("compare", *words, cwd=tmp_path), said)


@pytest.mark.parametrize("words", [("--over", "queue={use:", "uwfq,", "grace:", "1}"), ("--over=queue={use:", "uwfq}")])
def test_a_value_that_the_shell_cut_is_shown_in_quotes(words: tuple[str, ...]) -> None:
    whole = " ".join(words).removeprefix("--over").lstrip(" =")
    failed(evenly("sweep", "uwfq", *words), f"put it in quotes: --over '{whole}'")
