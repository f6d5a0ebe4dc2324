"""The page of functions says why calls started cold."""

from evenly.cluster.functions.metrics import METRICS
from evenly.cluster.functions.scenario import FunctionsScenario
from evenly.cluster.functions.workloads.single import Single
from evenly.report.causes import tables
from evenly.report.page import render
from tests.report.test_trade import FOUR


def test_causes_and_reasons_are_counted() -> None:
    outcome = FunctionsScenario(name="slow", trace=Single(period=120.0, timer=True, hours=1.0)).run()
    causes, reasons = tables([outcome])
    assert causes.rows == (("first call", "1 (3.3%)"), ("kept too short", "29 (96.7%)"))
    assert reasons.rows[0] == ("timer 120 s > keep-alive 60 s", "29 (96.7%)")
    page = render([outcome], title="t", metrics=METRICS)
    assert "timer 120 s &gt; keep-alive 60 s" in page


def test_runs_that_tell_no_causes_have_no_table() -> None:
    assert all(not made.rows for made in tables(FOUR))
