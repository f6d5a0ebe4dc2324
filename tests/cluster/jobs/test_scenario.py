"""Scenarios of kind jobs: figures, load, report, exams of the rooms, senseless values, estimates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.balance.queues.ujf import Ujf
from evenly.cluster.jobs.estimates import estimates
from evenly.cluster.jobs.estimates.learned import Learned
from evenly.cluster.jobs.estimates.noisy import Noisy
from evenly.cluster.jobs.estimates.oracle import Oracle
from evenly.cluster.jobs.scenario import JobsScenario
from evenly.cluster.jobs.splits import splits
from evenly.cluster.jobs.submissions import submissions
from evenly.cluster.jobs.submissions._google import HETERO, HOMO, jobs_by_user
from evenly.cluster.jobs.submissions.large_and_small import LargeAndSmall
from evenly.core import Document, Outcome
from evenly.lookup import scenario_files
from evenly.report.charts.jobs import jobs
from evenly.report.page import render
from evenly.sweep.folder import read, write
from evenly.sweep.scenarios import scenario_of
from evenly.testing import jobs as exams
from evenly.traces.jobs.job import Job, Jobs, Part

TEXT = "kind: jobs\ntrace: large-and-small\n"
FILES = {"recorded", "google-tasks", "alibaba-tasks"}
ROOMS: list[tuple[Any, Any]] = [
    (submissions, exams.check_submission),
    (splits, exams.check_split),
    (estimates, exams.check_estimate),
]
CASES = [(catalog, exam, name) for catalog, exam in ROOMS for name in catalog if name not in FILES]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return scenario_of(Document.parse(TEXT)).run()


@pytest.mark.parametrize(("catalog", "exam", "name"), CASES, ids=[f"{c.noun}-{name}" for c, _, name in CASES])
def test_every_plugin_passes_the_exam_of_its_room(catalog: Any, exam: Any, name: str) -> None:
    exam(catalog[name]())


def test_a_split_that_makes_no_task_fails_its_exam() -> None:
    class Never:
        def tasks(self, work: float, size: float, slots: int) -> int:
            return int(work)

    with pytest.raises(AssertionError, match="no numbers of tasks"):
        exams.check_split(Never())


def test_the_load_is_the_time_of_tasks_on_each_executor(outcome: Outcome) -> None:
    assert outcome.load.work.shape == (200, 8)
    assert outcome.load.span is not None
    assert (outcome.load.work <= outcome.load.span[:, None] + 1e-9).all()
    assert outcome.load.work.sum() == pytest.approx(8 * 131.115 + 12 * 26.926)
    share = outcome.load.work.sum() / (outcome.load.span.sum() * 8)
    assert outcome.metrics["utilisation"] == pytest.approx(share)


def test_responses_are_cut_into_fastest_next_and_last(outcome: Outcome) -> None:
    response = np.sort(outcome.items["response"])
    assert outcome.metrics["response_short"] == pytest.approx(response[:16].mean())
    assert outcome.metrics["response_middle"] == pytest.approx(response[16:19].mean())
    assert outcome.metrics["response_long"] == pytest.approx(response[19])
    assert (outcome.items["response"] >= outcome.items["alone"] - 1e-9).all()


def test_user_level_job_fairness_is_its_own_reference_and_the_bound_is_kept(outcome: Outcome) -> None:
    same = scenario_of(Document.parse(TEXT).override("queue=ujf")).run().metrics
    assert (same["dvr"], same["dvr_jobs"], same["dsr"]) == (0.0, 0.0, 0.0)
    assert outcome.metrics["lateness"] <= 0.5 + 131.115 / 32


class Busy:
    """Ann and bob submit one job each, of so many tasks of a second."""

    def __init__(self, ann: int, bob: int) -> None:
        self.tasks = {"ann": ann, "bob": bob}

    def draw(self, seed: int) -> Jobs:
        jobs = [Job(user, 0.0, (Part(float(n), (), (1.0,) * n),)) for user, n in self.tasks.items()]
        return Jobs(tuple(jobs), "two users who are always busy")


def test_weights_that_the_queue_does_not_keep_are_missed_by_the_closed_form() -> None:
    scenario = JobsScenario(trace=Busy(60, 60), queue=Ujf(), executors=1, cores=2)
    found = replace(scenario, weights={"ann": 2.0}).run()
    # Entitled to 4/3 of two cores and given one, ann would be done after 45 s in the ideal, and is 15 s behind then.
    assert found.metrics["lag"] == pytest.approx(15.0)
    assert found.metrics["lateness"] == pytest.approx(15.0)
    assert found.facts["weights of users"] == "ann 2"
    even = scenario.run().metrics
    assert [even[name] for name in ("lag", "lateness", "fairness")] == pytest.approx([0.0, 0.0, 1.0])


def test_weights_that_the_queue_keeps_leave_nobody_behind() -> None:
    scenario = JobsScenario(trace=Busy(80, 40), queue=Ujf({"ann": 2.0}), executors=1, cores=3)
    found = scenario.run().metrics  # judged by what the queue was told
    told = [found[name] for name in ("fairness", "lateness", "dvr_jobs", "lag")]
    assert told == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-6)
    even = replace(scenario, weights={"ann": 1.0}).run().metrics
    # Two cores and one are 3 * 3 / (2 * 5) for three windows of 10 s; in the last one bob wants no more than he gets.
    assert even["fairness"] == pytest.approx((3 * 0.9 + 1) / 4)
    assert even["lag"] > 10
    behind = replace(scenario, weights={"bob": 0.0}).run().metrics  # who is entitled to nothing cannot be behind
    assert behind["lateness"] == pytest.approx(40.0 - 80.0 / 3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"anne": 2.0}, "weights name 'anne', who submits no job; users are ann, bob"), ({"ann": -1.0}, "at least 0")],
)
def test_weights_of_nobody_and_below_0_are_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JobsScenario(trace=Busy(1, 1), weights=weights).check().run()


def test_a_run_survives_its_folder_and_is_drawn(outcome: Outcome, tmp_path: Path) -> None:
    write(outcome, Document.parse(TEXT), tmp_path / "run")
    again = read(tmp_path / "run")
    assert dict(again.metrics) == pytest.approx(dict(outcome.metrics))
    assert "Short jobs should not wait for long ones" in render([again], title="t", metrics=JobsScenario.metrics)
    users, behind = jobs([again])
    assert [row["user"][:5] for row in users["data"]["values"]] == ["small", "small", "large", "large"]
    assert max(row["behind"] for row in behind["data"]["values"]) == pytest.approx(again.metrics["lag"], rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("executors=0", "executors and cores are at least 1"),
        ("overhead=-1", "overhead is at least 0"),
        ("skew=11", "skew 0 to 10"),
        ("resources=[0.0]", "resources of an executor are positive"),
        ("lost=[{executor: 8, at: 1.0}]", "lost names executor 8"),
        ("lost=[{executor: 1, at: 2.0, back: 1.0}]", "it returns later"),
        ("lost=[{executor: 1, at: 2.0, back: 4.0}, {executor: 1, at: 3.0}]", "while it is away until 4"),
        ("queue=uwqf", "did you mean 'uwfq'"),
        ("trace={use: google-homo, load: 0.0}", "load is a positive"),
        ("trace={use: google-hetero, every: 15.0}", "every divides 50 s"),
        ("split={use: runtime, advised: 0.0}", "advised is a positive"),
        ("estimate={use: noisy, sigma: -1.0}", "sigma is 0 to 10"),
    ],
)
def test_senseless_values_are_refused(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_of(Document.parse(TEXT).override(change))


def test_a_stage_of_too_many_tasks_is_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match=r"split makes 13,111,500 tasks of 131\.115 core-seconds"):
        scenario_of(Document.parse(TEXT).override("split.use=runtime").override("split.advised=1e-5")).run()


def test_jobs_without_work_have_figures(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("job,user,submit,work\na,ann,1,0\nb,bob,1,0\n")
    document = Document.parse(f"kind: jobs\ntrace: {{use: recorded, path: {tmp_path / 'jobs.csv'}}}\n")
    assert scenario_of(document).run().metrics["lag"] == 0.0


def test_a_sweep_over_load_is_drawn_as_curves_and_says_how_users_submit() -> None:
    runs = []
    for load in (0.02, 0.05):
        text = f"kind: jobs\ntrace: {{use: google-homo, load: {load}, run: 3}}\n"
        runs.append(replace(scenario_of(Document.parse(text)).run(), label=f"trace.load={load}"))
    shown = render(runs, title="t", metrics=JobsScenario.metrics)
    assert "Response by user against trace.load" in shown
    assert "a user&#x27;s jobs in runs of 3" in shown or "a user's jobs in runs of 3" in shown


def test_a_cluster_that_is_lost_for_ever_is_refused() -> None:
    with pytest.raises(ValueError, match="leave one"):
        scenario_of(Document.parse(TEXT + "executors: 1\nlost: [{executor: 0, at: 1.0}]\n"))


def test_the_generators_have_the_published_statistics() -> None:
    for law, load in ((HOMO, 0.90), (HETERO, 0.60)):
        drawn = law.draw(1.0, 1, 7, "")
        assert drawn.work.sum() / (32 * 500) == pytest.approx(load)
        counts = np.bincount(np.array([int(job.submit // 50) for job in drawn.jobs]))
        assert tuple(counts) == law.arrivals
        of = sorted(sum(job.user == user for job in drawn.jobs) for user in {job.user for job in drawn.jobs})
        assert (len(of), of[-1]) == (law.users, law.most)
        assert law is HOMO or of[len(of) // 2] == 2
    assert jobs_by_user(125, 27, 38).sum() == 125


def test_estimates_are_learned_from_jobs_of_a_kind_by_byte() -> None:
    guesses = Learned(default=7.0).open(0)
    job = Job("ann", 0.0, (Part(8.0, size=100.0), Part(2.0, after=(0,))), "sort")
    assert guesses.guess(0, job) == (7.0, 7.0)
    guesses.learn(job)
    twice = replace(job, parts=(Part(0.0, size=200.0), Part(0.0, after=(0,))))
    assert guesses.guess(1, twice) == (16.0, 2.0)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_estimates_that_are_ten_times_off_starve_nobody(factor: float) -> None:
    scenario = JobsScenario(trace=LargeAndSmall(), estimate=Noisy(0.0, factor))
    jobs = scenario.trace.draw(0)
    right, wrong = (one.simulate(jobs) for one in (replace(scenario, estimate=Oracle()), scenario))
    assert wrong.work.sum() == pytest.approx(right.work.sum())
    assert wrong.response.max() < 2 * right.response.max()


@pytest.mark.parametrize("name", ["uwfq", "infrequent"])
def test_every_variant_of_the_gallery_is_a_scenario(name: str) -> None:
    variants = Document.read(scenario_files()[name]).variants()
    assert {"fifo", "fair", "cfq", "ujf", "uwfq", "uwfq-P"} <= set(variants)
    for document in variants.values():
        made = scenario_of(document)
        assert isinstance(made, JobsScenario)
        assert set(made.space) == {"queue", "split"}
