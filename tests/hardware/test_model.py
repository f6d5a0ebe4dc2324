"""Model architectures."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.hardware.model import MODELS, Model, model, models, parse

BILLIONS = {  # weights as the model cards state them
    "llama-3.1-8b": 8.03,
    "llama-3-8b": 8.03,
    "llama-3-70b": 70.6,
    "llama-3.1-70b": 70.6,
    "llama-2-7b": 6.74,
    "llama-2-13b": 13.02,
    "llama-2-70b": 68.98,
    "codellama-34b": 33.7,
    "qwen3-8b": 8.2,
    "qwen3-32b": 32.8,
    "qwen3-30b-a3b": 30.5,
    "mixtral-8x7b": 46.7,
    "mixtral-8x22b-fp8": 141.0,
    "deepseek-v3": 671.0,
    "deepseek-v2-lite": 15.7,
    "qwen2-57b-a14b": 57.4,
    "olmoe-1b-7b": 6.92,
    "phi-3-mini": 3.82,
    "phi-4": 14.7,
    "opt-125m": 0.125,
}
ACTIVE = {
    "mixtral-8x7b": 12.9,
    "mixtral-8x22b-fp8": 39.0,
    "deepseek-v3": 37.0,
    "qwen3-30b-a3b": 3.3,
    "qwen2-57b-a14b": 14.2,
    "olmoe-1b-7b": 1.28,
}  # embedding included


def test_every_embedded_model_is_examined() -> None:
    assert set(BILLIONS) == set(models())


@pytest.mark.parametrize("name", BILLIONS)
def test_the_weights_count_up_to_the_published_size(name: str) -> None:
    assert model(name).parameters / 1e9 == pytest.approx(BILLIONS[name], rel=0.015)


@pytest.mark.parametrize("name", ACTIVE)
def test_a_token_meets_the_published_share_of_the_experts(name: str) -> None:
    found = model(name)
    with_embedding = found.active_parameters + found.vocabulary * found.hidden
    assert with_embedding / 1e9 == pytest.approx(ACTIVE[name], rel=0.03)


def test_keys_and_values_of_a_token_have_the_published_size() -> None:
    assert model("llama-3-8b").kv_bytes == 131_072
    assert model("llama-3-70b").kv_bytes_on(4) == 81_920
    assert model("deepseek-v3").kv_bytes == 70_272  # 576 values of 2 bytes in 61 layers
    assert model("deepseek-v3").kv_bytes_on(8) == 70_272  # every device keeps the latent
    assert model("llama-3-70b").kv_bytes_on(16) == model("llama-3-70b").kv_bytes / 8  # heads are copied, not cut


def test_eight_bit_weights_take_half_the_room() -> None:
    assert model("deepseek-v3").weight_bytes == pytest.approx(671e9, rel=0.01)
    assert model("deepseek-v3").kv_width == 2


def test_a_wrong_name_gets_a_suggestion() -> None:
    with pytest.raises(ValueError, match=r"no model 'llama-3.1-8'; did you mean 'llama-3.1-8b'?"):
        model("llama-3.1-8")


def test_a_configuration_is_read_from_a_file_and_from_its_folder(tmp_path: Path) -> None:
    config = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = model(str(tmp_path))
    assert found == model(str(tmp_path / "config.json"))
    assert (found.kv_heads, found.head_dim, found.intermediate, found.bytes) == (4, 16, 256, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "holds list, not the fields of a config.json"),
        ("{}", "no hidden_size or n_embd or d_model; is it the config.json of a transformer decoder?"),
        ('{"hidden_size": -4}', "hidden_size is a positive whole number, not -4"),
        ('{"hidden_size": 4.5}', "hidden_size is a positive whole number, not 4.5"),
        (
            '{"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 9, '
            '"torch_dtype": "int3"}',
            "no bytes known for weights of type 'int3'",
        ),
    ],
)
def test_a_bad_configuration_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"config\.json") as error:
        model(str(path))
    assert message in str(error.value)


KEYS = sorted({key for name in models() for key in json.loads((MODELS / f"{name}.json").read_text())})
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 10**13), st.floats(), st.text(max_size=3), st.just([1]), st.just({"a": 1})
)


@given(
    name=st.sampled_from(models()), changes=st.dictionaries(st.sampled_from([*KEYS, "text_config"]), VALUES, max_size=4)
)
def test_any_configuration_is_a_model_or_one_clear_error(name: str, changes: dict[str, Any]) -> None:
    config = json.loads((MODELS / f"{name}.json").read_text()) | changes
    try:
        found: Model | str = parse(config, name)
    except ValueError as error:
        found = str(error)
    if isinstance(found, str):
        assert len(found) > 10
    else:
        assert found.parameters > 0
        assert found.kv_bytes > 0
        assert 0 < found.active_parameters <= found.parameters * (1 + 1e-12)


def test_a_missing_configuration_is_named() -> None:
    with pytest.raises(ValueError, match=r"cannot read the model's configuration 'nowhere\.json'"):
        model("nowhere.json")


def test_a_picture_model_is_read_by_its_text_part() -> None:
    inner: dict[str, Any] = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 3, "vocab_size": 9}
    assert parse({"text_config": inner}, "seen").layers == 3
