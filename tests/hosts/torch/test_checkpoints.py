"""Checkpoints in torch: equal in every bit, complete or not there, refused where they are damaged."""

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the environment of `make vllm`, where this test runs")

from evenly.hosts.torch.checkpoints import Checkpoints, Rng, Sharded  # noqa: E402
from evenly.hosts.torch.checkpoints import folder as versions  # noqa: E402
from evenly.hosts.torch.checkpoints.errors import CheckpointError  # noqa: E402
from evenly.hosts.torch.checkpoints.oracle import differing, same  # noqa: E402
from evenly.hosts.torch.checkpoints.sharded import rows  # noqa: E402
from evenly.hosts.torch.checkpoints.storm import STEPS, storm  # noqa: E402
from evenly.hosts.torch.checkpoints.trainer import Trainer  # noqa: E402

SMALL = 1 << 16


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def examples() -> list[str]:
    """Return the lines of Python that the page on checkpoints shows."""
    page = Path(__file__).parents[3] / "docs" / "checkpoints.md"
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("lines", examples(), ids=["three lines", "a loop"])
def test_the_lines_of_the_page_save_a_run(lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trainer = Trainer(0)
    trainer.step()
    names: dict[str, Any] = {
        "model": trainer.model,
        "optimizer": trainer.optimizer,
        "sampler": trainer.sampler,
        "train": lambda step: trainer.step(),
        "step": 2,
        "steps": 2,
    }
    exec(lines, names)
    names["checkpoints"].close()
    other = Trainer(1)
    with Checkpoints("run/checkpoints") as again:
        assert again.load({"model": other.model}) == 2
    assert same(dict(other.model.state_dict()), dict(trainer.model.state_dict()))


@pytest.mark.parametrize("seed", range(3))
def test_a_checkpoint_is_the_state_right_after_its_step_however_slow_its_threads_are(seed: int) -> None:
    assert differing(seed) == 0


def test_without_the_barrier_that_test_fails() -> None:
    assert differing(0, barrier=False) > 0


def test_an_optimizer_waits_for_its_own_tensors_only(tmp_path: Path) -> None:
    parameters = [torch.nn.Parameter(torch.full((4096,), float(k))) for k in range(2)]
    first, last = (torch.optim.SGD([parameter], lr=1.0) for parameter in parameters)
    for parameter in parameters:
        parameter.grad = torch.ones(4096)
    gate, passed = Event(), []

    def held_up(point: str, version: int) -> None:
        if point == "copied":
            passed.append(version)
            if len(passed) == 1:
                gate.wait(10)

    with Checkpoints(tmp_path, guard=[first, last], buffer=SMALL, trace=held_up) as checkpoints:
        checkpoints.async_save({"a": parameters[0], "b": parameters[1]}, 0)
        first.step()
        thread = Thread(target=last.step)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive(), "what is not copied yet may not change"
        gate.set()
        thread.join(10)
        assert [float(parameter.detach()[0]) for parameter in parameters] == [-1.0, 0.0]
        state = {"a": torch.zeros(4096), "b": torch.zeros(4096)}
        checkpoints.load(state)
    assert [float(state[key].max()) for key in "ab"] == [0.0, 1.0]


@pytest.mark.parametrize("kills", [60, pytest.param(200, marks=pytest.mark.thorough)])
def test_kills_change_no_step_and_lose_no_complete_version(kills: int) -> None:
    found = storm(kills, seed=0)
    assert found["kills"] == kills
    assert found["wrong"] == found["lost"] == 0
    assert found["resumed"] > kills / 10
    assert found["steps"] > STEPS


def odd() -> dict[str, Any]:
    tied = torch.arange(6.0)
    return {
        "turned": torch.arange(12.0).reshape(3, 4).T,
        "strided": torch.arange(20)[::3],
        "empty": torch.zeros(0, 3),
        "half": torch.tensor([1.5, float("nan"), float("inf")], dtype=torch.bfloat16),
        "bools": torch.tensor([True, False, True]),
        "point": torch.tensor(3.25, dtype=torch.float64),
        "complex": torch.tensor([1 + 2j]).conj(),
        "bytes": torch.tensor([1, 2, 3], dtype=torch.uint8),
        "one": tied,
        "other": tied,
        "deep": [{"a": (1, 2.5, None, "x", b"\0\xff", float("-inf"))}, {3: torch.ones(2), (1, 2): "pair", "$x": True}],
        "array": np.arange(3, dtype=np.uint32),
        "single": torch.arange(2.0)[::2][:1],
        "large": torch.randn(300, 301),
    }


def test_odd_tensors_and_values_come_back_as_they_were(tmp_path: Path) -> None:
    state = odd()
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        checkpoints.save(state, 0)
        found: dict[str, Any] = dict.fromkeys(state)
        assert checkpoints.load(found) == 0
    assert np.array_equal(found.pop("array"), state.pop("array"))
    assert same(found, {**state, "complex": state["complex"].resolve_conj()})
    assert found["one"] is found["other"]


@pytest.mark.parametrize(
    "array",
    [np.array(3.5), np.arange(3.0, dtype=">f8"), np.broadcast_to(np.ones(1), (2, 3)), np.arange(4)[::-1]],
    ids=["of no dimension", "big-endian", "read-only", "backwards"],
)
def test_an_array_keeps_its_shape_and_numbers_however_it_lies(tmp_path: Path, array: Any) -> None:
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        checkpoints.save({"x": array}, 0)
        state: dict[str, Any] = {"x": None}
        checkpoints.load(state)
    assert state["x"].shape == array.shape
    assert np.array_equal(state["x"], array)


def test_parameters_that_lie_apart_are_saved_as_others_are(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.arange(10.0)[::2])
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    parameter.grad = torch.ones(5)
    with Checkpoints(tmp_path, guard=optimizer, buffer=SMALL) as checkpoints:
        checkpoints.async_save({"x": parameter}, 0)
        optimizer.step()
        state: dict[str, Any] = {"x": None}
        assert checkpoints.load(state) == 0
    assert state["x"].tolist() == [0, 2, 4, 6, 8]


def test_other_readers_read_the_tensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    import torch.distributed.checkpoint as dcp

    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 2))
    whole = torch.arange(30.0).reshape(10, 3)
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        checkpoints.save({"model": model, "table": rows(whole, 0, 1)}, 7)
    found = safetensors.load_file(versions.home(tmp_path, 7) / versions.part_name(0))
    assert torch.equal(found["model.0.weight"], model[0].weight)
    twin: dict[str, Any] = {"model": {k: torch.zeros_like(v) for k, v in model.state_dict().items()}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about the missing process group
        dcp.load(twin, storage_reader=dcp.HuggingFaceStorageReader(str(versions.home(tmp_path, 7))), no_dist=True)
    assert same(twin["model"], dict(model.state_dict()))


def test_training_goes_on_in_a_new_process_bit_for_bit(tmp_path: Path) -> None:
    whole = Trainer(3)
    losses = [whole.step() for _ in range(20)]
    first = Trainer(3)
    with Checkpoints(tmp_path, guard=first.optimizer, buffer=SMALL) as checkpoints:
        for _ in range(11):
            first.step()
            checkpoints.async_save(first.state(), first.steps)
    second = Trainer(3)
    second.step()
    with Checkpoints(tmp_path, guard=second.optimizer, buffer=SMALL) as checkpoints:
        assert second.load(checkpoints) == 11
        again = [second.step() for _ in range(9)]
    assert again == losses[11:]


def damaged(path: Path, how: str) -> None:
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut off": whole[:middle],
            "longer": whole + b"\0",
            "bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            "head": bytes([whole[3] ^ 4]).join([whole[:3], whole[4:]]),
            "foreign": b"PK\x03\x04" + whole[4:],
            "empty": b"",
        }[how]
    )


@pytest.mark.parametrize("how", ["cut off", "longer", "bit", "head", "foreign", "empty"])
@pytest.mark.parametrize("which", [versions.part_name(0), versions.MANIFEST])
def test_a_damaged_file_is_refused_and_the_version_before_is_taken(tmp_path: Path, how: str, which: str) -> None:
    with Checkpoints(tmp_path, keep=2, buffer=SMALL) as checkpoints:
        for version in (1, 2):
            checkpoints.save({"x": torch.full((50,), float(version))}, version)
        damaged(versions.home(tmp_path, 2) / which, how)
        state = {"x": torch.zeros(50)}
        if which == versions.MANIFEST and how == "bit" and checkpoints.load(state) == 2:
            pytest.skip("the bit stood in white space")
        assert checkpoints.load(state) == 1
        assert torch.equal(state["x"], torch.ones(50))
        damaged(versions.home(tmp_path, 1) / which, how)
        with pytest.raises(
            CheckpointError, match=r"no version is whole:\n.*version-0000000002.*\n.*version-0000000001"
        ):
            checkpoints.load(state)


def test_what_is_not_ours_is_refused_by_name(tmp_path: Path) -> None:
    from evenly.hosts.torch.checkpoints.file import File

    path = tmp_path / "x.safetensors"
    torch.save({"x": torch.ones(3)}, path)
    with pytest.raises(CheckpointError, match=r"x.safetensors: not a checkpoint of evenly, or damaged"):
        File(path)


FULL = """
import resource, signal, sys, warnings
from evenly.hosts.torch.checkpoints import Checkpoints
from evenly.hosts.torch.checkpoints.trainer import Trainer

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
trainer = Trainer(1)
with Checkpoints(sys.argv[1], guard=trainer.optimizer, buffer=1 << 16) as checkpoints:
    trainer.step()
    checkpoints.save(trainer.state(), 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    for version in (2, 3):
        saving = checkpoints.async_save(trainer.state(), version)
        print(type(saving.upload_completion.exception()).__name__)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            checkpoints._settle()
        print(*(str(one.message).partition(":")[0] for one in said))
        trainer.step()
    state = trainer.state()
    print(trainer.steps, checkpoints.load(state), state["steps"])
"""


def test_full_storage_fails_the_checkpoint_and_not_the_training(tmp_path: Path) -> None:
    """Files may not grow beyond a limit, which the system refuses as if storage were full."""
    run = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], check=True, capture_output=True, text=True)
    refused = "OSError\nversion {} was not saved\n"
    assert run.stdout == refused.format(2) + refused.format(3) + "3 1 1\n"
    assert versions.versions(tmp_path) == [1]
    assert not list(tmp_path.glob("*/*.incomplete"))


def test_a_folder_that_cannot_be_written_is_an_error_one_can_catch(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, where a folder should be")
    with Checkpoints(tmp_path / "taken") as checkpoints, pytest.raises(OSError, match="taken"):
        checkpoints.save({"x": torch.ones(2)}, 1)


def spoilt(checkpoints: Checkpoints, version: int) -> None:
    """Have a version fail that nobody waits for."""
    folder, checkpoints._writer.folder = checkpoints.folder, checkpoints.folder / "taken"
    (folder / "taken").write_text("a file, where a folder should be")
    saving = checkpoints.async_save({"x": torch.zeros(2)}, version)
    assert isinstance(saving.upload_completion.exception(), OSError)
    checkpoints._writer.folder = folder


def test_a_checkpoint_that_failed_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        checkpoints.save({"x": torch.ones(2)}, 1)
        spoilt(checkpoints, 2)
        state = {"x": torch.zeros(2)}
        with pytest.warns(RuntimeWarning, match="version 2 was not saved"):
            assert checkpoints.load(state) == 1
        assert state["x"].tolist() == [1, 1]
        spoilt(checkpoints, 3)
        with pytest.warns(RuntimeWarning, match="version 3 was not saved"):
            checkpoints.save(state, 4)
        assert checkpoints.load(state) == 4


def test_old_versions_that_cannot_be_removed_fail_no_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(path: Path) -> None:
        raise OSError(f"{path.name} is held")

    with Checkpoints(tmp_path, keep=1, buffer=SMALL) as checkpoints:
        checkpoints.save({"x": 1}, 1)
        with monkeypatch.context() as patched:
            patched.setattr("shutil.rmtree", held)
            with pytest.warns(
                RuntimeWarning, match="version 2 was saved, but older ones could not be removed: version-"
            ):
                checkpoints.save({"x": 2}, 2)
        assert versions.versions(tmp_path) == [2]
        checkpoints.save({"x": 3}, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["version-0000000003"]


def test_a_version_that_is_removed_while_it_is_read_makes_way_for_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = versions.verify

    def slowly(folder: Path, version: int, part: versions.Part) -> None:
        monkeypatch.setattr(versions, "verify", verify)
        writer.save({"x": torch.full((3,), 2.0)}, 2)
        verify(folder, version, part)

    with Checkpoints(tmp_path, keep=1, buffer=SMALL) as writer, Checkpoints(tmp_path, buffer=SMALL) as reader:
        writer.save({"x": torch.ones(3)}, 1)
        monkeypatch.setattr(versions, "verify", slowly)
        state = {"x": torch.zeros(3)}
        assert reader.load(state) == 2
        assert state["x"].tolist() == [2, 2, 2]


def test_files_once_open_are_read_after_they_are_removed(tmp_path: Path) -> None:
    from evenly.hosts.torch.checkpoints.agreement import Alone
    from evenly.hosts.torch.checkpoints.restore import fill, newest

    with Checkpoints(tmp_path, keep=1, buffer=SMALL) as checkpoints:
        checkpoints.save({"x": torch.ones(3)}, 1)
        found = newest(tmp_path, Alone())
        assert found is not None
        checkpoints.save({"x": torch.zeros(3)}, 2)
    state = {"x": torch.zeros(3)}
    fill(state, found[1], found[0], 0)
    assert state["x"].tolist() == [1, 1, 1]


def test_a_whole_tensor_is_read_in_blocks(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(3, 2)
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        checkpoints.save({"x": whole}, 0)
        state = {"x": rows(torch.zeros(3, 2), 1, 2)}
        checkpoints.load(state)
        assert torch.equal(state["x"].local, whole[1:])
        with pytest.raises(CheckpointError, match=r"x: shape \(3, 2\) was saved, \(4, 2\) is wanted"):
            checkpoints.load({"x": rows(torch.zeros(4, 2), 1, 2)})


@pytest.mark.parametrize("version", [1.0, -1, 10**10, "1"])
def test_a_version_is_a_number_that_a_name_holds(tmp_path: Path, version: Any) -> None:
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        with pytest.raises(ValueError, match=re.escape(f"not {version!r}")):
            checkpoints.async_save({"x": 1}, version)
        checkpoints.save({"x": 1}, np.int64(3))  # type: ignore[arg-type] # what loops over numpy have
        assert checkpoints.load({"x": 0}) == 3


def test_versions_grow_and_an_earlier_run_is_not_overwritten_unread(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, keep=2, buffer=SMALL) as checkpoints:
        for version in range(5):
            checkpoints.save({"x": version}, version)
        with pytest.raises(ValueError, match="versions grow: 4 comes after 4"):
            checkpoints.async_save({"x": 0}, 4)
    assert versions.versions(tmp_path) == [4, 3]
    with Checkpoints(tmp_path, keep=2, buffer=SMALL) as checkpoints:
        with pytest.raises(ValueError, match="has version 4 of an earlier run; load it first"):
            checkpoints.async_save({"x": 0}, 1)
        state: dict[str, Any] = {"x": None}
        assert checkpoints.load(state, version=3) == 3
        checkpoints.save({"x": 40}, 4)
        assert versions.versions(tmp_path) == [4, 3]
        assert (checkpoints.load(state), state) == (4, {"x": 40})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "x.y: a object cannot be saved; tensors, arrays"),
        ([torch.nn.Linear(1, 1)], "x.y.0: a Linear cannot be saved.*at the top of a state objects with state_dict"),
        (np.array(["a"]), "x.y: an array of <U1 cannot be saved"),
        (torch.eye(2).to_sparse(), "x.y: only dense tensors with memory are saved"),
        (torch.zeros(2, device="meta"), "x.y: only dense tensors"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_path(tmp_path: Path, value: Any, message: str) -> None:
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints, pytest.raises(ValueError, match=message):
        checkpoints.async_save({"x": {"y": value}}, 0)


def test_nothing_there_yet_is_no_error_and_a_missing_part_is(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, buffer=SMALL) as checkpoints:
        assert checkpoints.load({"x": 1}) is None
        checkpoints.save({"x": torch.ones(2)}, 0)
        with pytest.raises(CheckpointError, match="version 0 has no 'y'; it has x"):
            checkpoints.load({"y": 1})
        with pytest.raises(CheckpointError, match=r"x: shape \(2,\) was saved, \(3,\) is wanted"):
            checkpoints.load({"x": torch.ones(3)})
        with pytest.raises(CheckpointError, match="no version 5; there are"):
            checkpoints.load({"x": torch.ones(2)}, version=5)


def test_generators_of_python_numpy_and_torch_go_on_where_they_were() -> None:
    state = Rng().state_dict()
    drawn = [np.random.random(), float(torch.rand(()))]
    Rng().load_state_dict(state)
    assert [np.random.random(), float(torch.rand(()))] == drawn


def test_a_block_lies_in_its_tensor() -> None:
    with pytest.raises(ValueError, match="does not lie in"):
        Sharded(torch.ones(2), (3,), (2,))
