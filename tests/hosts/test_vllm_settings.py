"""What the adapter for vLLM reads: settings, hints, and the records that it keeps."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evenly.hosts.vllm import release
from evenly.hosts.vllm.hints import NONE, Hints, hints
from evenly.hosts.vllm.settings import Settings, settings
from evenly.hosts.vllm.table import MOST_FLOWS, Table, code
from evenly.serve.orders.priority import Priority
from evenly.serve.orders.shortest_prompt import ShortestPrompt
from evenly.serve.victims.least_recompute import LeastRecompute

SCENARIO = """\
kind: serve
trace: {use: poisson, rate: 1, requests: 10}
order: shortest-prompt
compare:
  plain: {order: first-come}
  short: {evict: least-recompute, order.aging: 7.0}
"""


def test_without_settings_the_policies_are_vllms_own() -> None:
    assert settings({}) == settings({"other": 1}) == Settings()


def test_policies_are_named_as_in_scenarios() -> None:
    found = settings({"evenly": {"order": "priority", "evict": {"use": "least-recompute"}, "steps": "log"}})
    assert (found.order, found.evict, found.steps) == (Priority(), LeastRecompute(), "log")


def test_a_scenario_file_gives_its_policies_and_what_stands_beside_it_wins(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SCENARIO)
    found = settings({"evenly": {"scenario": str(file), "variant": "short", "steps": "steps.jsonl"}})
    assert found.order == ShortestPrompt(aging=7.0)
    assert found.evict == LeastRecompute()
    changed = settings({"evenly": {"scenario": str(file), "variant": "short", "order": "priority"}})
    assert (changed.order, changed.evict) == (Priority(), LeastRecompute())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"order": "shortest-promt"}, "did you mean 'shortest-prompt'"),
        ({"ordr": "priority"}, "ordr"),
        (7, "expected a scenario file or a mapping"),
        ("none.yaml", "none.yaml: cannot be read"),
        ({"scenario": "FILE"}, "compares 'plain', 'short'; say which one"),
        ({"scenario": "FILE", "variant": "long"}, "no variant 'long'"),
    ],
)
def test_a_wrong_setting_is_told_with_the_flag_and_a_remedy(asked: Any, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SCENARIO)
    if isinstance(asked, dict) and asked.get("scenario") == "FILE":
        asked = asked | {"scenario": str(file)}
    with pytest.raises(ValueError, match=said):
        settings({"evenly": asked})


def test_hints_are_read_and_nonsense_counts_as_not_given() -> None:
    told = {"evenly_user": 3, "evenly_program": "p", "evenly_turn": "2", "evenly_last_turn": 1, "evenly_deadline": 0.5}
    found = hints(told | {"evenly_output": "many", "evenly_tool": ["no"], "other": 1})
    assert (found.user, found.program, found.turn, found.last_turn, found.deadline) == ("3", "p", 2, True, 0.5)
    assert found.output is None
    assert found.tool is None
    assert hints(None) is hints({}) is NONE
    assert hints({"evenly_deadline": math.nan}).deadline == math.inf
    assert hints({"evenly_last_turn": "perhaps"}).last_turn is None


def test_a_request_without_a_program_ends_its_program_and_a_turn_goes_on_until_told_otherwise() -> None:
    assert NONE.ends
    assert not hints({"evenly_program": "p"}).ends
    assert hints({"evenly_program": "p", "evenly_last_turn": True}).ends


def test_rows_of_requests_that_left_are_used_again_and_the_table_grows() -> None:
    table = Table("")
    rows = [table.enter(_request(), NONE, 0.0) for _ in range(1000)]
    assert len({entry.row for entry in rows}) == 1000
    size = len(table.requests)
    for entry in rows:
        table.leave(entry)
    for _ in range(1000):
        table.enter(_request(), NONE, 0.0)
    assert len(table.requests) == size


def test_a_user_keeps_one_flow_and_programs_that_ended_make_room() -> None:
    table = Table("user")
    flows = {table.enter(_request(), hints({"evenly_user": str(k % 3)}), 0.0).flow for k in range(9)}
    assert len(flows) == 3
    table = Table("program")
    for k in range(5000):
        last = hints({"evenly_program": str(k), "evenly_last_turn": 1})
        request = _entered(table, last, 0.0)
        table.wait(request.evenly)
        table.unwait(request.evenly)
        table.start(request, 0.0)
        request.num_output_tokens = 7
        table.stop(request)
        assert table.flows["output"][request.evenly.flow] == 7
        table.leave(request.evenly)
    assert len(table.flows) < 5000


def test_the_user_who_was_idle_longest_is_forgotten_when_there_are_too_many() -> None:
    table = Table("user")
    first = _entered(table, hints({"evenly_user": "first"}), 0.0)
    table.start(first, 0.0)
    table.stop(first)
    busy = _entered(table, hints({"evenly_user": "busy"}), 0.0)
    table.start(busy, 0.0)
    for k in range(MOST_FLOWS):
        request = _entered(table, hints({"evenly_user": f"u{k}"}), 1.0 + k)
        table.start(request, 1.0 + k)
        table.stop(request)
    assert len(table.used) == MOST_FLOWS
    assert table.flows["running"][busy.evenly.flow] == 1
    again = table.enter(_request(), hints({"evenly_user": "first"}), 9e9)
    assert table.flows["prompt"][again.flow] == 0  # what it had got is forgotten


def test_a_turn_finds_the_one_before_it_until_it_has_a_seat_and_leaves_it_for_another_try_if_it_gives_up() -> None:
    table = Table("program")
    told = {"evenly_program": "p", "evenly_last_turn": 0}
    request = _entered(table, hints(told), 1.0)
    first = request.evenly
    table.start(request, 1.5)
    table.stop(request)
    table.finish(first, 2.0, 3)
    table.pause(first)
    given_up = table.enter(_request(), hints(told | {"evenly_turn": 1}), 4.0)
    assert table.requests["parent"][given_up.row] == first.row
    table.leave(given_up)
    request = _entered(table, hints(told | {"evenly_turn": 1}), 5.0)
    second = request.evenly
    before = table.requests[table.requests["parent"][second.row]]
    assert (before["finish"], before["output"], before["start"]) == (2.0, 3, 1.5)
    assert table.requests["began"][second.row] == 1.0, "the program began with its first turn"
    table.start(request, 5.0)
    table.stop(request)
    table.seated(second)
    assert table.requests["parent"][second.row] == -1
    table.leave(second)
    assert len(table._spare) == len(table.requests)


def test_who_runs_is_charged_for_what_it_was_given_whoever_left_before() -> None:
    table = Table("user")
    requests = [_entered(table, hints({"evenly_user": str(k % 3)}), 0.0) for k in range(9)]
    for request in requests:
        table.start(request, 0.0)
    leave = np.random.default_rng(4).permutation(9).tolist()
    for left, request in enumerate(requests[k] for k in leave):
        for other in requests:
            other.num_output_tokens += other.evenly.running
        if left % 2:
            table.charge_running()
        table.stop(request)
    for user in range(3):
        given = sum(request.num_output_tokens for request in requests[user::3])
        assert table.flows["output"][requests[user].evenly.flow] == given


def test_programs_that_never_come_back_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenly.hosts.vllm.table.MOST_PAUSED", 3)
    table = Table("")
    for k in range(9):
        entry = table.enter(_request(), hints({"evenly_program": f"p{k}", "evenly_last_turn": 0}), float(k))
        table.requests["kept"][entry.row] = k == 0  # blocks are kept for it: it stays
        table.pause(entry)
    assert list(table._paused) == ["p0", "p7", "p8"]
    assert len(table._spare) == len(table.requests) - 3


def test_what_it_takes_to_compute_again_comes_from_the_cost_model_of_the_scenario(tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text("kind: serve\ntrace: agents\ncost: {use: linear, fixed: 0.0, token: 0.001}\nretain: learned-ttl\n")
    retain: Any = settings({"evenly": str(file)}).retain
    assert retain.rebuild == pytest.approx((0.0, 0.001, 0.0), abs=1e-9)
    assert retain.kv_tokens is None, "the engine knows its own"
    with pytest.raises(ValueError, match=r"learned-ttl needs the time to compute a context again.*give rebuild"):
        settings({"evenly": {"retain": "learned-ttl"}}).retain.memory(0, 1)  # type: ignore[attr-defined]


def test_names_become_numbers_that_do_not_depend_on_the_process() -> None:
    assert code("12") == 12
    assert code("alice") == code("alice") != code("bob")
    assert 0 <= code("alice") < 2**63


def test_another_release_of_vllm_is_refused_with_the_tested_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "installed", lambda: "0.19.1")
    with pytest.raises(ImportError, match=r"tested on vLLM 0\.32, this is 0\.19\.1"):
        release.check()
    monkeypatch.setattr(release, "installed", lambda: None)
    with pytest.raises(ImportError, match=r"pip install 'evenly\[vllm\]'"):
        release.check()


def _request() -> Any:
    return SimpleNamespace(num_prompt_tokens=5, max_tokens=9, priority=np.int64(0), num_output_tokens=0)


def _entered(table: Table, told: Hints, now: float) -> Any:
    request = _request()
    request.evenly = table.enter(request, told, now)
    return request
