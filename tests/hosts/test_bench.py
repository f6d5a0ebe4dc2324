"""What a bench result tells of an engine's passes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.hardware.calibration.fit import fit
from evenly.hosts import bench

FLOOR, EACH, TOKEN = 0.02, 0.001, 0.0005  # seconds of a pass, of each decode in it, of each prompt token


def result(count: int = 60, seed: int = 0) -> dict[str, Any]:
    """Return a bench result of an engine that answers in step: a pass gives a token to all who run.

    A prompt is a pass of its own; requests come one by one into an idle engine, then several run together.
    """
    chance = np.random.default_rng(seed)
    now = 0.0
    found: dict[str, list[Any]] = {"input_lens": [], "output_lens": [], "ttfts": [], "itls": [], "start_times": []}
    while len(found["ttfts"]) < count:
        size = int(chance.integers(1, 8))
        prompts, outputs = chance.integers(50, 400, size), chance.integers(5, 40, size)
        starts = np.full(size, now)
        first = now + np.cumsum(FLOOR + TOKEN * prompts)
        now = float(first[-1])
        tokens = [[float(t)] for t in first]
        left = outputs - 1
        while left.any():
            now += FLOOR + EACH * int((left > 0).sum())
            for k in np.flatnonzero(left > 0):
                tokens[k].append(now)
            left = np.maximum(left - 1, 0)
        found["input_lens"] += prompts.tolist()
        found["output_lens"] += outputs.tolist()
        found["ttfts"] += (first - starts).tolist()
        found["itls"] += [np.diff(times).tolist() for times in tokens]
        found["start_times"] += starts.tolist()
        now += 1.0
    return {"backend": "vllm", "model_id": "tiny", "date": "20260102-030405", **found}


def written(folder: Path, found: Any) -> Path:
    path = folder / "bench.json"
    path.write_text(json.dumps(found))
    return path


def test_gaps_without_a_prompt_under_way_are_passes_of_as_many_decodes_as_run(tmp_path: Path) -> None:
    found = bench.read(written(tmp_path, result())).steps
    decodes = found.kind() == 0
    assert decodes.sum() > 100
    assert found.seconds[decodes] == pytest.approx(FLOOR + EACH * found.decodes[decodes])
    assert set(found.decodes[decodes].tolist()) >= {1, 2, 3, 4}


def test_the_first_token_of_a_request_that_was_alone_is_the_pass_of_its_prompt(tmp_path: Path) -> None:
    found = bench.read(written(tmp_path, result())).steps
    prompts = found.kind() == 2
    assert found.seconds[prompts] == pytest.approx(FLOOR + TOKEN * found.tokens[prompts])


def test_contexts_are_prompts_and_the_tokens_given_so_far(tmp_path: Path) -> None:
    lone = result() | {"input_lens": [100], "output_lens": [4], "ttfts": [0.1], "itls": [[0.02] * 3]}
    found = bench.read(written(tmp_path, lone | {"start_times": [5.0]})).steps
    assert found.context[found.kind() == 0].tolist() == [100, 101, 102]


def test_floor_and_slope_of_an_engine_are_found_again(tmp_path: Path) -> None:
    found = fit(bench.read(written(tmp_path, result(120))).steps)
    assert found.curve[0] + found.terms["decode"] == pytest.approx(FLOOR + EACH, rel=0.05)
    assert any("no pass" in said or "host" in said for said in found.untold)


def test_what_a_bench_result_lacks_is_told(tmp_path: Path) -> None:
    plain = result()
    assert "mixed passes, host, budget, blocks and seats" in bench.read(written(tmp_path, plain)).notes[0]
    del plain["start_times"]
    told = bench.read(written(tmp_path, plain))
    assert "fastest tenth" in told.notes[1]
    assert set(told.steps.decodes.tolist()) == {0, 1}


def test_requests_of_a_bench_result_have_their_times(tmp_path: Path) -> None:
    plain = result(10)
    found = bench.items(written(tmp_path, plain | {"errors": ["boom", *[""] * (len(plain["ttfts"]) - 1)]}))
    assert np.isnan(found["finish"][0])
    assert found["first_token"][1:] - found["arrival"][1:] == pytest.approx(plain["ttfts"][1:])
    assert found["finish"][1:] - found["first_token"][1:] == pytest.approx([sum(g) for g in plain["itls"][1:]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"itls": None}, "no list itls; save it with"),
        ({"ttfts": [0.1]}, "has .* entries, ttfts has 1"),
        ({"ttfts": ["x"], "itls": [[]], "input_lens": [1], "output_lens": [1], "start_times": [0]}, r"ttfts\[0\] is a"),
        ({"ttfts": [1], "itls": [[-1]], "input_lens": [1], "output_lens": [2], "start_times": [0]}, r"itls\[0\] is a"),
        ({"ttfts": [1], "itls": [[]], "input_lens": [1], "output_lens": [9], "start_times": [0]}, "none of 1 requests"),
    ],
)
def test_a_result_that_tells_nothing_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bench.read(written(tmp_path, result(5) | change))


def test_a_file_that_is_no_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        bench.read(tmp_path / "bench.json")
