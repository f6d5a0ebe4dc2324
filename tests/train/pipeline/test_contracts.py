"""Every schedule and timing sits the exam of its room."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from evenly.core import Ints
from evenly.testing import pipeline as exams
from evenly.testing import plugin
from evenly.train.pipeline.job import Job
from evenly.train.pipeline.passes import BACKWARD, FORWARD, Order
from evenly.train.pipeline.schedules import line, schedules
from evenly.train.pipeline.timings import timings


@pytest.mark.parametrize("name", schedules)
def test_every_schedule_passes_its_exam(name: str) -> None:
    plugin.check(schedules, name)
    exams.check_schedule(schedules[name]())


@pytest.mark.parametrize("name", timings)
def test_every_timing_passes_its_exam(name: str) -> None:
    plugin.check(timings, name)
    exams.check_timing(timings[name]())


@dataclass(frozen=True, slots=True)
class Backwards:
    """Gradients before there is anything to compute them from."""

    sharded: ClassVar[tuple[str, ...]] = ()

    def homes(self, devices: int) -> Ints:
        return line(devices)

    def order(self, job: Job) -> Order:
        lists = [[(kind, d, j) for j in range(job.micro) for kind in (BACKWARD, FORWARD)] for d in range(job.devices)]
        return Order.of(self.homes(job.devices), job.micro, 0, lists)


def test_an_order_whose_passes_wait_for_each_other_is_refused() -> None:
    with pytest.raises(ValueError, match="0B0 on device 0 waits for a pass that waits for it"):
        exams.check_schedule(Backwards())
