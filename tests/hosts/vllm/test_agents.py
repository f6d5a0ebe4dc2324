"""Agent programs with tools that are real processes, in a real vLLM under memory pressure."""

from pathlib import Path

import numpy as np
import pytest

from tests.hosts.vllm.server import needs_vllm

needs_vllm()

from benchmarks.agents import COMMANDS, FIRST, POLICIES, compared, figures, programs  # noqa: E402

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.alone]
LEARNED = "by program, learned"


def test_once_tools_and_waits_are_known_kept_blocks_halve_what_is_computed_and_change_no_token(tmp_path: Path) -> None:
    """The first run of the learned time teaches it: until ten pauses are seen it keeps next to nothing."""
    _, last = compared(tmp_path, 2, {name: POLICIES[name] for name in (FIRST, LEARNED)})
    first, learned = figures(last[FIRST]), figures(last[LEARNED])
    assert learned["prefilled"] <= 0.5 * first["prefilled"]
    assert learned["job mean"] < first["job mean"]
    answers = [[ids.tolist() for ids in last[name].answers] for name in (FIRST, LEARNED)]
    assert answers[0] == answers[1]
    assert [len(ids) for ids in answers[0]] == programs().output.tolist()
    after = programs().after
    assert after is not None
    for found in last.values():
        assert len(found.calls) == np.count_nonzero(after >= 0)
        assert {call.status for call in found.calls} == {0}
        assert {call.tool for call in found.calls} == set(range(len(COMMANDS)))
