"""The line hands out tasks as a plain list does that is sorted each time, whatever is put in, taken out and moved."""

import random
from collections.abc import Hashable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.balance.line import Line
from evenly.balance.queues import Stage, Turns, standing

Task = tuple[int, int]
STAGES = [Stage(index, index // 2, f"user {index // 4}") for index in range(8)]


class Dials(Turns):
    """Pools whose keys the test sets."""

    def __init__(self) -> None:
        self.dials = {f"user {index}": (0.0, float(index)) for index in range(2)}

    def pool(self, stage: Stage) -> Hashable:
        return stage.user

    def key(self, pool: Hashable) -> tuple[float, ...]:
        return self.dials[str(pool)]


class Nested(Dials):
    """Jobs in pools of users: both have keys."""

    def __init__(self) -> None:
        super().__init__()
        self.dials |= {f"job {index}": (0.0, float(index)) for index in range(4)}

    def pool(self, stage: Stage) -> Hashable:
        return f"job {stage.job}"

    def outer(self, pool: Hashable) -> Hashable:
        return f"user {int(str(pool).removeprefix('job ')) // 2}"


class Plain:
    def __init__(self) -> None:
        self.jobs: dict[Hashable, int] = {}
        self.stages: dict[Hashable, int] = {}
        self.tasks: list[tuple[Stage, int, Task]] = []
        self.serial = 0

    def add(self, stage: Stage, task: Task) -> None:
        self.serial += 1
        self.jobs.setdefault(stage.job, self.serial)
        self.stages.setdefault(stage.id, self.serial)
        if task not in self.names():
            self.tasks.append((stage, self.serial, task))

    def names(self) -> list[Task]:
        return [task for _, _, task in self.tasks]

    def ordered(self, dials: Dials) -> list[Task]:
        def place(entry: tuple[Stage, int, Task]) -> tuple[object, ...]:
            stage, serial, task = entry
            return standing(dials, dials.pool(stage)), self.jobs[stage.job], self.stages[stage.id], task[1], serial

        self.tasks.sort(key=place)
        return self.names()


@pytest.mark.parametrize("kind", [Dials, Nested])
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 120))
def test_a_line_is_a_list_that_is_sorted_each_time(kind: type[Dials], seed: int, steps: int) -> None:
    chance, dials, plain = random.Random(seed), kind(), Plain()
    line = Line[Task](dials, rank=lambda task: task[1])
    for _ in range(steps):
        stage = chance.choice(STAGES)
        match chance.choice(("add", "add", "discard", "pop", "leave", "fall", "rise")):
            case "add":
                tasks = [(int(str(stage.id)), chance.randrange(4)) for _ in range(chance.randint(0, 3))]
                line.add(stage, tasks)
                plain.stages.setdefault(stage.id, plain.serial + 1)
                plain.jobs.setdefault(stage.job, plain.serial + 1)
                plain.serial += 1
                for task in tasks:
                    plain.add(stage, task)
            case "discard":
                task = (int(str(stage.id)), chance.randrange(4))
                line.discard(task)
                plain.tasks = [entry for entry in plain.tasks if entry[2] != task]
            case "pop" if plain.tasks:
                first = plain.ordered(dials)[0]
                assert line.peek()[1] == first
                assert line.pop()[1] == first
                plain.tasks.pop(0)
            case "leave":
                gone = [entry[2] for entry in plain.tasks if entry[0] is stage]
                assert set(line.leave(stage)) == set(gone)
                plain.tasks = [entry for entry in plain.tasks if entry[0] is not stage]
                plain.stages.pop(stage.id, None)
            case "fall" | "rise" as move:
                behind = chance.random() if move == "rise" else -chance.random()
                pool = chance.choice(list(dials.dials))
                level, place = dials.dials[pool]
                dials.dials[pool] = (level + behind, place)
                line.moved([pool] if move == "fall" else [])
        assert list(line) == plain.ordered(dials)
        assert len(line) == len(plain.tasks)
        assert all(task in line for task in plain.names())


def test_a_task_given_back_is_served_before_later_stages() -> None:
    early, late = Stage("early", "a", "user 0", 2), Stage("late", "b", "user 0", 1)
    line = Line[str](Dials())
    line.add(early, ["e0", "e1"])
    line.add(late, ["l0"])
    assert [line.pop()[1], line.pop()[1]] == ["e0", "e1"]
    line.add(early, ["e0"])
    assert list(line) == ["e0", "l0"]


def test_a_late_stage_of_an_early_job_keeps_the_jobs_place() -> None:
    line = Line[str](Dials())
    first = Stage("1", "a", "user 0")
    line.add(first, ["a1"])
    line.add(Stage("2", "b", "user 0"), ["b1"])
    line.pop()
    line.leave(first)
    line.add(Stage("3", "a", "user 0"), ["a2"])
    assert list(line) == ["a2", "b1"]


def test_tasks_come_with_their_stage_as_it_was_submitted_last() -> None:
    line = Line[str](Dials())
    line.add(STAGES[0], ["a", "b"])
    line.add(replace(STAGES[0], work=7.0), [])
    assert line.pop()[0].work == 7.0


def test_old_entries_do_not_pile_up() -> None:
    dials = Dials()
    line = Line[str](dials)
    line.add(STAGES[0], ["a"])
    line.add(STAGES[4], ["b"])
    for step in range(10_000):
        dials.dials["user 1"] = (100_000.0 - step, 0.0)
        line.moved(["user 1"])
    assert len(line._order.heap) < 100
