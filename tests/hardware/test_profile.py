"""Cost models from measured kernels."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenly.hardware.costs.profile import Profile
from evenly.hardware.device import device
from evenly.hardware.model import model
from evenly.hardware.profiles import vidur
from evenly.hardware.profiles.exchange import exchange
from evenly.hardware.profiles.load import load
from evenly.kernel.bridge import compiled
from evenly.kernel.serving.records import SECONDS
from tests.hardware.contract import check_compiled, check_growth, check_rises
from tests.hardware.samples import call

LLAMA = "vllm_measured_llmservingsim/RTXPRO6000_Llama-3.1-8B/profile"
QWEN = "vllm_measured_llmservingsim/RTXPRO6000_Qwen3-30B-A3B/profile"
V0 = "llmservingsim_profiles/H100/meta-llama/Llama-3.1-70B/tp4"
VIDUR = "vidur_profiles/compute/a100"
DERIVED = "attention_a100_derived/Meta-Llama-3-8B_a100_tp1_attention.csv.gz"
SETTINGS: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "llmservingsim": ({"path": LLAMA}, "llama-3.1-8b", "rtx-pro-6000", 1),
    "llmservingsim, two devices": ({"path": LLAMA, "host": 0.002}, "llama-3.1-8b", "rtx-pro-6000", 2),
    "llmservingsim, experts": ({"path": QWEN}, "qwen3-30b-a3b", "rtx-pro-6000", 1),
    "llmservingsim, two ranks": ({"path": QWEN, "ranks": 2}, "qwen3-30b-a3b", "rtx-pro-6000", 1),
    "llmservingsim before 1.0": ({"path": V0}, "llama-3.1-70b", "h100", 4),
    "vidur": ({"path": f"{VIDUR}/meta-llama/Meta-Llama-3-8B", "attention": DERIVED}, "llama-3-8b", "a100-80gb", 1),
    "vidur, two devices": (
        {
            "path": f"{VIDUR}/codellama/CodeLlama-34b-Instruct-hf",
            "attention": f"{VIDUR}/attention_h8192_q64_kv8_tp2_2024-05.csv.gz",
            "network": "vidur_profiles/network/a100_dgx/all_reduce.csv.gz",
        },
        "codellama-34b",
        "a100-80gb",
        2,
    ),
    "aiconfigurator": ({"path": "kernel_tables_aic/a100_sxm"}, "llama-3-8b", "a100-80gb", 1),
    "aiconfigurator, eight devices": ({"path": "kernel_tables_aic/h100_sxm"}, "llama-3.1-70b", "h100", 8),
    "aiconfigurator, experts": ({"path": "kernel_tables_aic/h100_sxm"}, "mixtral-8x7b", "h100", 2),
}


@cache
def made(name: str, data: Path) -> tuple[Profile, Any]:
    """Return a profile and its tables."""
    fields, of, on, tensor = SETTINGS[name]
    places: dict[str, Any] = {k: str(data / v) if isinstance(v, str) else v for k, v in fields.items()}
    profile = Profile(**places)
    return profile, profile.tables(model(of), device(on), tensor)


@cache
def loop() -> Any:
    """Return the compiled `seconds`."""
    return compiled(Profile(path=""), "seconds", SECONDS)


@pytest.mark.parametrize("name", SETTINGS)
def test_more_work_never_takes_less_time(name: str, data: Path) -> None:
    profile, numbers = made(name, data)
    if numbers[8]:  # uneven contexts jump between measured buckets; without them the law holds
        numbers = numbers.copy()
        numbers[8] = 0.0
    chance = np.random.default_rng(1)
    for _ in range(100 if numbers[1] == 1 else 0):  # ranks: one more prompt moves the others to other ranks
        check_rises(profile, numbers, chance, slack=0.02)  # several prompts meet other corners of a measured grid


@pytest.mark.parametrize("name", SETTINGS)
def test_skipping_ahead_equals_asking_pass_by_pass(name: str, data: Path) -> None:
    profile, numbers = made(name, data)
    chance = np.random.default_rng(2)
    for _ in range(200):
        check_growth(profile, numbers, chance)


@pytest.mark.parametrize("name", SETTINGS)
def test_compiled_code_agrees_with_plain_python(name: str, data: Path) -> None:
    profile, numbers = made(name, data)
    chance = np.random.default_rng(3)
    for _ in range(50):
        check_compiled(profile, loop(), numbers, chance)


@pytest.mark.parametrize("name", SETTINGS)
def test_facts_say_what_was_measured(name: str, data: Path) -> None:
    facts = made(name, data)[0].facts()
    assert facts["profile"]
    assert all(isinstance(value, str | int | float) for value in facts.values())


def test_skew_makes_uneven_contexts_slower_than_even_ones_but_not_than_the_longest(data: Path) -> None:
    profile, numbers = made("llmservingsim", data)
    even = call(profile, numbers, [], [], [1000] * 64)[0]
    uneven = call(profile, numbers, [], [], [500] * 60 + [8500] * 4)[0]
    longest = call(profile, numbers, [], [], [8500] * 64)[0]
    assert even < uneven < even + 0.3 * (longest - even)


def test_a_measured_point_is_met_exactly(data: Path) -> None:
    # dense.csv, per_sequence.csv and attention.csv at 64 tokens, 64 sequences, (0, 0, 64, 1024)
    profile, numbers = made("llmservingsim", data)
    found = load(str(data / LLAMA), model("llama-3.1-8b"), device("rtx-pro-6000"), 1, 1, None, None)
    grid = found.attention
    place = tuple(int(np.flatnonzero(axis == at)[0]) for axis, at in zip(grid.axes, (0, 0, 64, 1024), strict=True))
    by_hand = 32 * (found.layer(64) + grid.values[place]) + found.once(64) + found.head(64)
    assert call(profile, numbers, [], [], [1024] * 64)[0] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("part", ["..", "tp1", "meta.yaml", "tp1/dense.csv.gz"])
def test_a_file_of_a_profile_or_the_folder_around_it_names_the_profile(part: str, data: Path) -> None:
    profile, numbers = made("llmservingsim", data)
    again = Profile(path=str((data / LLAMA / part).resolve()))
    assert (again.tables(model("llama-3.1-8b"), device("rtx-pro-6000"), 1) == numbers).all()
    assert again.facts()["card"] == profile.facts()["card"]


def test_several_prompts_cost_as_one_with_as_many_pairs_of_tokens(data: Path) -> None:
    profile, numbers = made("llmservingsim", data)
    one = call(profile, numbers, [1024], [0], [])[0]
    two = call(profile, numbers, [512, 512], [0, 0], [])[0]
    assert 0.9 * one < two < one + 100e-6


def test_two_ranks_share_prompts_and_wait_for_each_other(data: Path) -> None:
    alone, single = made("llmservingsim, experts", data)
    pair, double = made("llmservingsim, two ranks", data)
    assert call(pair, double, [512, 512], [0, 0], [])[0] < call(alone, single, [512, 512], [0, 0], [])[0]
    uneven = call(pair, double, [900, 124], [0, 0], [])[0]
    assert uneven > call(pair, double, [512, 512], [0, 0], [])[0]


def test_decode_of_a_70b_model_is_what_the_makers_of_the_tables_publish(data: Path) -> None:
    # AIConfigurator 0.12, Llama-3.1-70B on H100, vLLM 0.24: milliseconds at batch 1, 8, 64 and context 800
    published = {2: (27.5, 28.6, 31.9), 4: (14.9, 16.1, 18.4), 8: (10.1, 10.1, 12.2)}
    profile = Profile(path=str(data / "kernel_tables_aic" / "h100_sxm"))
    for tensor, milliseconds in published.items():
        numbers = profile.tables(model("llama-3.1-70b"), device("h100"), tensor)
        ours = [call(profile, numbers, [], [], [800] * batch)[0] * 1e3 for batch in (1, 8, 64)]
        assert ours == pytest.approx(milliseconds, rel=0.08)


def test_an_exchange_among_ranks_costs_its_bytes_and_four_starts() -> None:
    curve = exchange(model("qwen3-30b-a3b"), device("rtx-pro-6000"), 2)
    bytes_sent = 256 * (2 * 2048 * 2 + 8 * 8)
    assert curve(256) == pytest.approx(4 * 10.5e-6 + bytes_sent / 31e9)


@pytest.mark.parametrize(
    ("fields", "of", "tensor", "message"),
    [
        ({"path": "nowhere"}, "llama-3.1-8b", 1, "no profile at '.*nowhere'"),
        ({"path": "azure_llm_2023"}, "llama-3.1-8b", 1, "is no profile of LLMServingSim, Vidur or AIConfigurator; it"),
        ({"path": LLAMA}, "llama-3.1-8b", 4, "was not profiled for tensor 4; known: 1, 2"),
        ({"path": LLAMA}, "mixtral-8x7b", 1, "is a profile of llama-3.1-8b, not of mixtral-8x7b"),
        ({"path": f"{VIDUR}/meta-llama/Llama-2-7b-hf"}, "llama-2-7b", 1, "holds no attention.csv; name the table"),
        (
            {"path": f"{VIDUR}/meta-llama/Llama-2-7b-hf", "attention": DERIVED},
            "llama-2-7b",
            1,
            "has no hidden, heads, KV heads, devices",
        ),
        ({"path": f"{VIDUR}/meta-llama/Llama-2-7b-hf", "attention": DERIVED}, "llama-2-13b", 1, "known: "),
        ({"path": "kernel_tables_aic/h100_sxm"}, "deepseek-v3", 8, "use roofline"),
    ],
)
def test_a_wrong_profile_is_named(fields: dict[str, str], of: str, tensor: int, message: str, data: Path) -> None:
    places: dict[str, Any] = {key: str(data / value) for key, value in fields.items()}
    with pytest.raises(ValueError, match=message):
        Profile(**places).tables(model(of), device("h100"), tensor)


@pytest.mark.parametrize("wrong", [{"host": -1.0}, {"ranks": 0}, {"graph": -1}, {"host": float("nan")}])
def test_senseless_fields_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Profile(path="", **wrong)


def test_a_folder_with_one_profile_for_each_number_of_devices_gives_the_right_one(data: Path) -> None:
    _, numbers = made("llmservingsim before 1.0", data)
    whole = Profile(path=str((data / V0).parent))
    np.testing.assert_array_equal(whole.tables(model("llama-3.1-70b"), device("h100"), 4), numbers)


def test_a_folder_of_attention_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "attention.csv").write_text("batch_size\n1\n")
    with pytest.raises(ValueError, match=r"neither a table of layers nor mlp\.csv"):
        vidur.read(tmp_path, model("llama-3-8b"), 1, None, None)
