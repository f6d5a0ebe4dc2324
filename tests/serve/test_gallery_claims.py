"""The gallery shows what its scenarios say: the figures of their comments are what the runs print."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from evenly.core import Document
from evenly.lookup import scenario_files
from evenly.sweep.execute import one
from evenly.sweep.plan import cells


def played(name: str) -> tuple[dict[str, Mapping[str, float]], str]:
    """Return the figures of a scenario by variant, and its comment as one line."""
    path = scenario_files()[name]
    lines = [line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    return {cell.label: one(cell, None).metrics for cell in cells(Document.read(path))}, " ".join(lines)


def said(comment: str, pattern: str) -> Any:
    """Return the numbers that a comment names, in the order of the pattern's groups."""
    found = re.search(pattern, comment)
    assert found, f"the comment no longer says {pattern!r}"
    return [float(number.replace(",", "")) for number in found.groups()]


def test_under_fair_orders_the_greedy_user_waits_and_not_the_others_as_the_comment_says() -> None:
    figures, comment = played("fairness")
    first, counter, rounds = figures["first-come"], figures["virtual-token-counter"], figures["deficit-round-robin"]
    assert said(comment, r"takes ([\d.]+) s \(TTFT of users\)") == [pytest.approx(first["ttft_users"], abs=0.05)]
    waits = [pytest.approx(run["ttft_users"], abs=0.05) for run in (counter, rounds)]
    assert said(comment, r"it takes ([\d.]+) and ([\d.]+) s") == waits
    tails = [pytest.approx(run["ttft_p99"], abs=0.5) for run in (first, counter)]
    assert said(comment, r"TTFT p99 rises from (\d+) to (\d+) s") == tails
    assert said(comment, r"paces, is ([\d.]+)\.") == [pytest.approx(first["fairness"], abs=0.005)]
    assert said(comment, r"pace falls to ([\d.]+)\.") == [pytest.approx(counter["fairness"], abs=0.005)]
    for fair in (counter, rounds):
        assert fair["goodput"] / first["goodput"] == pytest.approx(3.0, abs=0.5)
        assert fair["throughput"] == pytest.approx(first["throughput"], rel=0.01), "fairness costs no throughput"


def test_kept_blocks_pay_with_an_order_by_program_and_strand_memory_without_as_the_comment_says() -> None:
    figures, comment = played("agents-retain")
    first, ordered = figures["first-come"], figures["program-first-come"]
    kept, both = figures["first-come, kept 2 s"], figures["program-first-come, kept 2 s"]
    hits = [pytest.approx(100 * run["cache_share"], abs=0.5) for run in (first, ordered, both)]
    assert said(comment, r"(\d+)% hits, .*: (\d+)% hits.* it is (\d+)%") == hits
    rates = said(comment, r"goodput ([\d.]+) req/s\..*goodput ([\d.]+) req/s")
    assert rates == [pytest.approx(first["goodput"], abs=0.005), pytest.approx(both["goodput"], abs=0.005)]
    spans = [pytest.approx(run["makespan"], abs=0.5) for run in (both, first, kept)]
    assert said(comment, r"in (\d+) s instead of (\d+)\..*takes ([\d,]+) s") == spans
    assert said(comment, r"TTFT p99 rises to (\d+) s") == [pytest.approx(both["ttft_p99"], abs=0.5)]
    assert first["goodput"] == pytest.approx(figures["least-attained-service"]["goodput"], rel=0.1)


def test_a_learned_time_to_live_is_that_of_the_quick_tools_and_wins_as_the_comment_says() -> None:
    figures, comment = played("continuum")
    seconds = {name: pytest.approx(run["job_mean"], abs=0.5) for name, run in figures.items()}
    names = ("first-come", "least attained service", "by program", "kept forever", "kept 2 s")
    pattern = r"takes (\d+) s, by attained service (\d+) s\. By program it takes (\d+) s: .*"
    pattern += r"minute, (\d+) s; for 2 s it is (\d+)"
    assert said(comment, pattern) == [seconds[name] for name in names]
    others = ("quick tools 2 s", "least waste", "learned")
    pattern = r"once it knows it, (\d+) s; .* whole minute, (\d+) s.*quick calls need: (\d+) s"
    assert said(comment, pattern) == [seconds[name] for name in others]
    order = figures["first-come"]["job_mean"] - figures["by program"]["job_mean"]
    assert order > figures["by program"]["job_mean"] - figures["learned"]["job_mean"] > 0


def test_switches_cost_what_a_copy_costs_as_the_comment_says() -> None:
    figures, comment = played("fastswitch")
    goodput = {name: pytest.approx(run["goodput"], abs=0.005) for name, run in figures.items()}
    pattern = (
        r"goodput ([\d.]+) req/s; to compute victims again is worse, ([\d.]+)\. Each.*groups ([\d.]+), asynchronous "
    )
    pattern += r"copies ([\d.]+), reuse of host copies ([\d.]+); FastSwitch has all: ([\d.]+)\.\s"
    names = ("vllm-swap", "recompute", "block groups", "asynchronous", "reuse", "fastswitch")
    assert said(comment, pattern) == [goodput[name] for name in names]
    assert said(comment, r"reach ([\d.]+), with stalls") == [goodput["large blocks"]]
    assert figures["large blocks"]["tbt_p99"] > 2 * figures["fastswitch"]["tbt_p99"]
    assert said(comment, r"waits for copies (\d+)%") == [
        pytest.approx(100 * figures["vllm-swap"]["switch_stall"], abs=0.5)
    ]
    moved = [pytest.approx(figures[name]["switch_bytes"], abs=0.5) for name in ("reuse", "vllm-swap")]
    assert said(comment, r"moves (\d+) GB in place of ([\d,]+)\.") == moved
    cheap = Document.read(scenario_files()["fastswitch"]).replace("copy_dispatch", 2.3e-6)
    outcome = one(next(cell for cell in cells(cheap) if cell.label == "vllm-swap"), None)
    assert said(comment, r"vLLM has ([\d.]+\d)") == [pytest.approx(outcome.metrics["goodput"], abs=0.005)]


def test_four_cures_together_beat_each_alone_on_two_of_three_objectives_as_the_comment_says() -> None:
    figures, comment = played("fair-agents")
    alone = [figures[name] for name in ("first-come", "fair to users", "learned time-to-live", "copies")]
    pages, together = figures["all four, page by page"], figures["all four"]
    jobs = [pytest.approx(run["job_mean"], abs=0.5) for run in (*alone, together, pages)]
    assert (
        said(
            comment,
            r" job takes (\d+) s .* job takes (\d+) s, .* it takes (\d+) s at .* make it (\d+) s and .* (\d+) s "
            r"and [\d.]+\. .* takes (\d+) s: they",
        )
        == jobs
    )
    shares = [pytest.approx(run["fair_share"], abs=0.005) for run in (*alone, together)]
    pattern = r"share ([\d.]+), 1 .* it is ([\d.]+), yet .* share of ([\d.]+)\. .* s and ([\d.]+); .* s and ([\d.]+)\. "
    assert said(comment, pattern) == shares
    for run in alone:
        better = (together["ttft_p99"] < run["ttft_p99"], together["job_mean"] < run["job_mean"])
        assert sum(better) + (together["fair_share"] > run["fair_share"]) >= 2
    assert pages["job_mean"] > 2 * together["job_mean"]


def test_replicas_that_come_and_go_trade_hours_for_first_tokens_as_the_comment_says() -> None:
    figures, comment = played("elastic")
    six, three, ladder = figures["six that stay"], figures["three that stay"], figures["ladder"]
    bare, kept, filled = figures["ladder without a band"], figures["ladder, kept 5 min"], figures["kept 60 s"]
    waits = [pytest.approx(1e3 * run["ttft_p99"], abs=0.5) for run in (six, ladder, bare, filled)]
    assert (
        said(comment, r"TTFT p99 of (\d+) ms .* takes (\d+) ms .* TTFT p99 is (\d+) ms.* TTFT p99 is (\d+) ms") == waits
    )
    hours = [pytest.approx(run["replica_hours"], abs=0.05) for run in (six, ladder, kept)]
    assert said(comment, r"for ([\d.]+) replica-hours.* for ([\d.]+) hours: .* for ([\d.]+) hours\.") == hours
    starts = [pytest.approx(run["starts"]) for run in (bare, ladder, kept)]
    assert said(comment, r"starts (\d+) replicas instead of (\d+).* (\d+) starts are enough") == starts
    for name in ("ttft_p99", "replica_hours"):
        assert ladder[name] == pytest.approx(three[name], rel=0.02)
