"""Measured operations and the graph of a layer."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenly.hardware.overlap.graph import CHUNK, Split, graph, published, whole
from evenly.hardware.overlap.profile import profile
from evenly.hardware.overlap.search import splits

SEVENTY = profile("llama-2-70b", "a100-80gb", 8)
EIGHT = profile("llama-3-8b", "a100-80gb", 1)


def test_the_published_kernels_sum_to_3_48_ms_a_layer_of_which_2_03_are_matrix_products() -> None:
    of = graph(SEVENTY, published(SEVENTY), 1024)
    assert of.sequential * 1e3 == pytest.approx(3.48, abs=0.005)
    assert of.bound * 1e3 == pytest.approx(2.03, abs=0.005)


@pytest.mark.parametrize(("context", "ms"), [(512, 0.2094), (2048, 0.6642), (3968, 1.2160)])
def test_decode_attention_meets_the_measured_contexts_within_2_percent(context: int, ms: float) -> None:
    assert SEVENTY.seconds("decode", 1024, context) * 1e3 == pytest.approx(ms, rel=0.02)


@given(tokens=st.integers(1, 4096), more=st.integers(0, 1024), name=st.sampled_from(sorted(SEVENTY.curves)))
def test_more_tokens_never_take_less_time(tokens: int, more: int, name: str) -> None:
    curve = SEVENTY.curves[name]
    assert 0 < curve(tokens) <= curve(tokens + more)


@given(batch=st.integers(256, 3000), share=st.floats(0, 1), distributed=st.booleans())
def test_ranges_of_every_operation_partition_the_batch(batch: int, share: float, distributed: bool) -> None:
    decode = int(share * batch)
    measured = SEVENTY if distributed else EIGHT
    for split in (whole(measured, batch, decode), *splits(measured, batch, decode)):
        of = graph(measured, split, 1024)
        covered: dict[str, int] = {}
        for nano in of.nanos:
            covered[nano.operation] = covered.get(nano.operation, 0) + nano.end - nano.begin
            assert nano.begin % CHUNK == 0 or nano.begin == decode
        assert {covered[name] for name in ("query", "output", "up", "down")} == {batch}
        assert covered.get("decode", 0) + covered.get("prefill", 0) == batch
        assert covered.get("decode", 0) == decode


def test_operations_wait_where_their_ranges_intersect_and_nowhere_else() -> None:
    of = graph(EIGHT, published(EIGHT), 1024)
    names = [nano.name for nano in of.nanos]
    waits = {(names[i], names[j], layers) for i, j, layers in of.edges}
    assert ("query 0-384", "decode 0-384", 0) in waits
    assert ("query 384-1024", "decode 0-384", 0) not in waits
    assert ("down 384-1024", "query 384-1024", 1) in waits
    assert ("down 0-384", "query 384-1024", 1) not in waits


def test_the_first_nano_batch_reduces_after_its_projection_and_the_second_gathers_around_it() -> None:
    of = graph(SEVENTY, published(SEVENTY), 1024)
    ranges = {nano.operation: (nano.begin, nano.end) for nano in of.nanos if "output" in nano.operation}
    assert ranges["reduce-output"] == (0, 640)
    assert ranges["gather-output"] == (640, 2048)
    assert [n.name for n in of.nanos if n.operation == "gather"] == ["gather 640-1152", "gather 1152-2048"]


def test_an_unknown_model_is_named_with_what_was_measured() -> None:
    with pytest.raises(ValueError, match="no measured operations of phi-4 on 1 x h100; known: llama-2-70b on 8 x a100"):
        profile("phi-4", "h100", 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"decode": 300}, "cannot hold 300 decodes"),
        ({"first": 257}, "first is at most"),
        ({"query": (0, 128)}, "query runs from 0 to 256"),
        ({"attention": (0, 200, 128)}, "attention runs from 0 to 128"),
    ],
)
def test_a_split_that_is_none_is_refused(wrong: dict[str, object], message: str) -> None:
    fields: dict[str, object] = {"batch": 256, "decode": 128, "first": 128, "query": (0, 256), "attention": (0, 128)}
    with pytest.raises(ValueError, match=message):
        Split(**{**fields, **wrong})  # type: ignore[arg-type]


def test_a_batch_of_less_than_two_tiles_is_not_split() -> None:
    with pytest.raises(ValueError, match="batch is at least 256 tokens, two ranges of 128, not 255"):
        published(SEVENTY, 255)


def test_points_of_the_profile_are_met_exactly() -> None:
    for curve in SEVENTY.curves.values():
        assert [curve(x) for x in curve.tokens] == pytest.approx(curve.seconds.tolist(), rel=1e-12)
        assert all(b > a for a, b in pairwise(np.asarray(curve.seconds)))
