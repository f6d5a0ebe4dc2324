"""Every law of tools keeps its form, and the published ones their figures."""

from typing import Any

import numpy as np
import pytest

from evenly.core import Floats, Ints
from evenly.testing import plugin
from evenly.traces.sources.agents import Agents
from evenly.traces.tools import Tools, tools
from evenly.traces.tools.bimodal import Bimodal
from evenly.traces.tools.interceptions import TABLE, Interceptions
from evenly.traces.tools.lognormal import Lognormal
from evenly.traces.tools.shell import SHARES, Shell
from evenly.traces.tools.steady import Steady

MANY = 200_000


@pytest.mark.parametrize("name", tools.names())
def test_every_law_has_the_form_of_a_plugin_and_draws_codes_and_seconds(name: str) -> None:
    plugin.check(tools, name)
    tool, seconds = tools[name]().draw(1000, np.random.default_rng(1))
    assert len(tool) == len(seconds) == 1000
    assert tool.min() >= 0
    assert (seconds >= 0).all()
    again = tools[name]().draw(1000, np.random.default_rng(1))
    assert np.array_equal(tool, again[0])
    assert np.array_equal(seconds, again[1])
    assert [len(column) for column in tools[name]().draw(0, np.random.default_rng(1))] == [0, 0]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Bimodal, "slow", 0.1),
        (Bimodal, "share", 1.5),
        (Lognormal, "mean", -1.0),
        (Lognormal, "sigma", float("nan")),
        (Shell, "sigma", -1.0),
        (Steady, "seconds", float("inf")),
    ],
)
def test_a_value_that_makes_no_sense_is_named(kind: Any, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        kind(**{field: value})


def drawn(law: Tools) -> tuple[Ints, Floats]:
    return law.draw(MANY, np.random.default_rng(2))


def test_interceptions_have_the_published_means_and_variances() -> None:
    tool, seconds = drawn(Interceptions())
    for code, (mean, variance) in enumerate(TABLE.values()):
        calls = seconds[tool == code]
        assert calls.mean() == pytest.approx(mean, rel=0.03)
        assert calls.var() == pytest.approx(variance, rel=0.2)


def test_shell_commands_have_the_published_shares_and_typical_times() -> None:
    tool, seconds = drawn(Shell(sigma=0.2))
    for code, (name, share) in enumerate(SHARES.items()):
        assert 100 * (tool == code).mean() == pytest.approx(share, abs=0.3), name
    medians = [float(np.median(seconds[tool == code])) for code in range(len(SHARES) + 2)]
    assert medians[0] == pytest.approx(0.075, rel=0.02)
    assert medians[list(SHARES).index("grep")] == pytest.approx(0.5, rel=0.02)
    assert medians[-2:] == pytest.approx([15.0, 30.0], rel=0.02)


def test_lognormal_calls_have_the_mean_and_the_spread_that_are_asked_for() -> None:
    _, seconds = drawn(Lognormal(mean=3.0, sigma=0.5))
    assert seconds.mean() == pytest.approx(3.0, rel=0.01)
    assert np.log(seconds).std() == pytest.approx(0.5, rel=0.01)


def test_nine_calls_in_ten_are_quick() -> None:
    _, seconds = drawn(Bimodal())
    assert set(seconds.tolist()) == {0.3, 60.0}
    assert (seconds == 0.3).mean() == pytest.approx(0.9, abs=0.003)


def test_an_agents_turn_names_the_tool_that_runs_before_the_next_one_comes() -> None:
    trace = Agents(programs=20, tools=Shell(sigma=0.0)).draw(3)
    assert trace.after is not None
    assert trace.pause is not None
    assert trace.tool is not None
    later = np.flatnonzero(trace.after >= 0)
    typical = np.array([0.075, 0.075, 0.075, 0.075, 0.075, 0.5, 0.075, 0.5, 15.0, 30.0])
    assert np.allclose(trace.pause[later], typical[trace.tool[trace.after[later]]])
    last = np.setdiff1d(np.arange(len(trace)), trace.after[later])
    assert (trace.tool[last] == -1).all(), "nothing follows the last turn"


def test_tools_change_nothing_else_of_the_programs() -> None:
    plain, other = Agents(programs=9).draw(5), Agents(programs=9, tools=Steady(2.0)).draw(5)
    assert plain.prompt.tolist() == other.prompt.tolist()
    assert plain.output.tolist() == other.output.tolist()
    assert plain.tool is not None
    assert np.unique(plain.tool).tolist() == [-1, 0]


def test_users_share_programs_by_zipfs_law_and_change_nothing_else() -> None:
    plain, shared = Agents(programs=3000).draw(3), Agents(programs=3000, users=4).draw(3)
    assert plain.user is None
    assert shared.user is not None
    assert shared.session is not None
    assert np.array_equal(plain.prompt, shared.prompt)
    first = np.unique(shared.session, return_index=True)[1]
    assert np.array_equal(shared.user, shared.user[first][shared.session]), "a program has one user"
    share = np.bincount(shared.user[first]) / len(first)
    assert share == pytest.approx(np.array([12, 6, 4, 3]) / 25, abs=0.03)
