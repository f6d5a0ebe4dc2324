"""Every format is recognised by its content and holds what its publication says."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from evenly.core import Trace
from evenly.traces.formats import formats
from evenly.traces.formats.mooncake import Mooncake
from evenly.traces.read import detect, read
from tests.traces.files import ARRIVAL, AZURE, BLIS, BLIS_HEADER, FILES, OUTPUT, PROMPT, lines


def saved(folder: Path, text: str, name: str = "file.dat") -> Path:
    """Return the path of a file with this text; its name says nothing of its format."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def check(trace: Trace) -> None:
    """Hold a trace against the three requests that every sample has."""
    np.testing.assert_allclose(trace.arrival - trace.arrival[0], ARRIVAL, atol=1e-9)
    assert trace.prompt.tolist() == PROMPT
    assert trace.output.tolist() == OUTPUT
    assert trace.failed is None


@pytest.mark.parametrize("sample", FILES)
def test_three_requests_are_the_same_in_every_format(sample: str, tmp_path: Path) -> None:
    form, text = FILES[sample]
    path = saved(tmp_path, text)
    assert detect(path) == form
    check(read(path))


@pytest.mark.parametrize("sample", FILES)
def test_gzip_line_ends_and_byte_order_mark_change_nothing(sample: str, tmp_path: Path) -> None:
    _, text = FILES[sample]
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(text.encode()))
    check(read(packed))
    check(read(saved(tmp_path, text.replace("\n", "\r\n"))))
    check(read(saved(tmp_path, "\ufeff" + text)))
    check(read(saved(tmp_path, text.rstrip("\n"))))


@pytest.mark.parametrize("sample", [name for name in FILES if name != "weka conversations"])
def test_unsorted_rows_are_sorted_by_arrival(sample: str, tmp_path: Path) -> None:
    _, text = FILES[sample]
    rows = text.splitlines(keepends=True)
    trace = read(saved(tmp_path, "".join([*rows[:-3], rows[-1], rows[-3], rows[-2]])))
    check(trace)
    assert "sorted by arrival" in trace.origin


def test_every_format_has_a_sample() -> None:
    assert {form for form, _ in FILES.values()} == set(formats)


def test_azure_reads_its_seventh_digit_and_mixed_fractions(tmp_path: Path) -> None:
    text = AZURE + "2023-11-16 18:15:46.6805909,374,44\n2023-11-16 18:15:50.9951690,396,109\n2023-11-16 18:16:00,5,1\n"
    assert read(saved(tmp_path, text)).arrival.tolist() == [0.0, 4.314579, 13.31941]


def test_burstgpt_failures_stay_and_are_marked_and_the_hour_is_kept(tmp_path: Path) -> None:
    text = (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n"
        "45,ChatGPT,1087,0,1087,API log\n118,GPT-4,0,0,0,Conversation log\n"
    )
    trace = read(saved(tmp_path, text))
    assert trace.arrival.tolist() == [5, 45, 118]
    assert trace.failed is not None
    assert trace.failed.tolist() == [False, True, True]
    assert trace.extra["Model"].tolist() == ["ChatGPT", "ChatGPT", "GPT-4"]
    assert trace.user is not None
    assert len(set(trace.user.tolist())) == 3  # a pair of model and service each


def test_burstgpt_reads_columns_by_name_in_any_order(tmp_path: Path) -> None:
    names = "Log Type,Response tokens,Model,Request tokens,Timestamp,Session ID\n"
    text = names + "API log,7,GPT-4,9,3,\nAPI log,5,GPT-4,4,6,x\n"
    trace = read(saved(tmp_path, text))
    assert trace.prompt.tolist() == [9, 4]
    assert trace.session is not None
    assert trace.session.tolist() == [-1, 0]


def test_mooncake_prefixes_are_those_of_its_ids(tmp_path: Path) -> None:
    trace = read(saved(tmp_path, FILES["mooncake in milliseconds"][1]))
    assert trace.prefixes is not None
    assert trace.prefixes.block == 512
    assert trace.prefixes.ids.tolist() == [1, 2, 3, 1, 4]
    assert trace.prefixes.offsets.tolist() == [0, 2, 3, 5]


def test_alibaba_blocks_have_sixteen_tokens_and_chats_make_sessions(tmp_path: Path) -> None:
    trace = read(saved(tmp_path, FILES["mooncake of alibaba in seconds"][1]))
    assert trace.prefixes is not None
    assert trace.prefixes.block == 16
    assert trace.session is not None
    assert trace.session[0] == trace.session[2] != trace.session[1]
    assert trace.extra["type"].tolist() == ["text"] * 3


def test_mooncake_delay_makes_a_line_wait_for_the_one_before_it_in_its_session(tmp_path: Path) -> None:
    text = lines(
        {"timestamp": 0, "session_id": "a", "input_length": 10, "output_length": 5},
        {"timestamp": 500, "session_id": "b", "input_length": 10, "output_length": 5},
        {"session_id": "a", "delay": 2500, "input_length": 20, "output_length": 5},
        {"session_id": "a", "delay": 0, "input_length": 30, "output_length": 5},
    )
    trace = read(saved(tmp_path, text))
    assert trace.after is not None
    assert trace.pause is not None
    by_prompt = {int(prompt): k for k, prompt in enumerate(trace.prompt) if prompt > 10}
    assert trace.prompt[trace.after[by_prompt[30]]] == 20
    assert trace.pause[by_prompt[20]] == 2.5
    assert trace.pause[by_prompt[30]] == 0


def test_unit_of_mooncake_times_can_be_set(tmp_path: Path) -> None:
    path = saved(tmp_path, FILES["mooncake in milliseconds"][1])
    assert read(path, Mooncake(unit="s")).arrival.tolist() == [0, 1500, 4000]


def test_whole_times_so_dense_that_they_may_be_seconds_are_warned_of(tmp_path: Path) -> None:
    rows = ({"timestamp": k, "input_length": 5, "output_length": 5} for k in range(9))
    path = saved(tmp_path, lines(*rows))
    with pytest.warns(UserWarning, match=r"read as milliseconds, 1,125 requests/s; if they are seconds"):
        assert read(path).span == 0.008
    assert read(path, Mooncake(unit="s")).span == 8.0


def test_keys_that_appear_late_in_a_large_file_are_read(tmp_path: Path) -> None:
    plain = {"timestamp": 0, "input_length": 512, "output_length": 5}
    rows = [plain | {"timestamp": 10 * k} for k in range(6000)]
    text = lines(*rows, plain | {"timestamp": 60_000, "hash_ids": [1], "session_id": "late"})
    assert len(text) > 1 << 18
    trace = read(saved(tmp_path, text))
    assert trace.prefixes is not None
    assert trace.session is not None
    assert trace.session[-1] == 0


def test_first_line_longer_than_the_head_is_recognised(tmp_path: Path) -> None:
    row = {"hash_ids": list(range(1000, 60_000)), "timestamp": 0, "input_length": 59_000 * 512, "output_length": 5}
    for text in (
        lines(row),
        lines({"id": "c", "requests": [{"t": 0, "in": 59_000 * 64, "out": 1, "hash_ids": row["hash_ids"]}]}),
    ):
        assert len(text) > 1 << 18
        trace = read(saved(tmp_path, text))
        assert trace.prefixes is not None
        assert len(trace.prefixes.ids) == 59_000


def test_weka_ids_are_local_to_their_conversation_unless_the_file_says_global(tmp_path: Path) -> None:
    calls = [{"t": 0.0, "in": 128, "out": 1, "hash_ids": [1, 2]}]
    two = [{"id": name, "requests": calls} for name in "ab"]
    local = read(saved(tmp_path, lines(*two))).prefixes
    shared = read(saved(tmp_path, lines(*({**one, "hash_id_scope": "global"} for one in two)))).prefixes
    assert local is not None
    assert shared is not None
    assert len(set(local.ids.tolist())) == 4
    assert len(set(shared.ids.tolist())) == 2


@pytest.mark.parametrize(("inner", "expected"), [(0.0, [0.0, 10.0, 12.0, 20.0]), (10.0, [0.0, 10.0, 12.0, 20.0])])
def test_weka_subagents_share_blocks_but_not_the_session(inner: float, expected: list[float], tmp_path: Path) -> None:
    def call(t: float, ids: list[int]) -> dict[str, object]:
        return {"t": t, "type": "n", "in": 64 * len(ids), "out": 1, "hash_ids": ids}

    agent = {
        "t": 10.0,
        "type": "subagent",
        "agent_id": "x",
        "requests": [call(inner, [1, 9]), call(inner + 2, [1, 9, 8])],
    }
    trace = read(saved(tmp_path, lines({"id": "c", "requests": [call(0.0, [1]), agent, call(20.0, [1, 2])]})))
    assert trace.arrival.tolist() == expected
    assert trace.session is not None
    assert trace.session[0] == trace.session[3] != trace.session[1] == trace.session[2]
    assert trace.prefixes is not None
    ids, offsets = trace.prefixes.ids, trace.prefixes.offsets
    assert len({int(ids[offset]) for offset in offsets[:-1]}) == 1  # all four begin with the same block


def test_weka_drops_a_trailing_partial_block_or_keeps_it(tmp_path: Path) -> None:
    for ids in ([1], [1, 2]):
        assert (
            read(saved(tmp_path, lines({"id": "c", "t": 0, "in": 100, "out": 1, "hash_ids": ids}))).prefixes is not None
        )
    with pytest.raises(ValueError, match=r"file.dat:1: hash_ids is '3 ids'; 100 tokens make 2 blocks of 64"):
        read(saved(tmp_path, lines({"id": "c", "t": 0, "in": 100, "out": 1, "hash_ids": [1, 2, 3]})))


def test_blis_header_and_rows_may_be_two_files_of_one_name(tmp_path: Path) -> None:
    saved(tmp_path, BLIS, "run.csv")
    header = saved(tmp_path, BLIS_HEADER, "run.yaml")
    check(read(header))
    check(read(tmp_path / "run.csv"))
    alone = saved(tmp_path, BLIS_HEADER, "lost.yaml")
    with pytest.raises(ValueError, match=r"lost.yaml: a header of TraceV2 without rows.*'lost.csv' beside it"):
        read(alone)


def test_blis_groups_share_their_prefix_in_blocks_of_the_header(tmp_path: Path) -> None:
    trace = read(saved(tmp_path, BLIS_HEADER.replace("block_size: 16", "block_size: 100") + BLIS))
    assert trace.prefixes is not None
    assert trace.prefixes.block == 100
    assert trace.prefixes.ids.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert trace.user is not None
    assert trace.user.tolist() == [0, 0, 1]
    assert trace.session is not None
    assert trace.session.tolist() == [0, -1, 0]


def test_blis_errors_and_timeouts_are_failures(tmp_path: Path) -> None:
    trace = read(saved(tmp_path, BLIS.replace(",ok,,", ",timeout,late,", 1)))
    assert trace.failed is not None
    assert trace.failed.tolist() == [True, False, False]


def test_blis_times_in_another_unit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"file.dat:2: time_unit is 'ms'"):
        read(saved(tmp_path, BLIS_HEADER.replace("microseconds", "ms") + BLIS))


def test_lengths_without_times_are_a_batch(tmp_path: Path) -> None:
    trace = read(
        saved(tmp_path, "num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n10,5,15,2.0\n20,5,25,4.0\n")
    )
    assert trace.arrival.tolist() == [0, 0]
    assert "lengths only" in trace.origin


def test_columns_without_a_meaning_are_kept(tmp_path: Path) -> None:
    text = 'arrived_at,num_prefill_tokens,num_decode_tokens,"note, long"\n0,10,5,"a, ""b"""\n1,10,5,\n'
    assert read(saved(tmp_path, text)).extra["note, long"].tolist() == ['a, "b"', ""]


def test_the_format_of_your_own_in_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "traces.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Gateway" in block)
    plugin = saved(tmp_path, code, "gateway.py")
    gateway = formats[str(plugin)]()
    trace = read(saved(tmp_path, "#gateway\n4.0 600 9\n0.0 1000 5\n1.5 20 70\n"), form=gateway)
    check(trace)
    assert gateway.match("#gateway\n1 2 3\n")
