"""Broken files end in one clear error, odd ones in the right trace."""

import gzip
import re
from pathlib import Path

import pytest

from evenly.traces.read import read
from tests.traces.files import AZURE, FILES, lines

ROW = {"timestamp": 0, "input_length": 10, "output_length": 5}
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
SPLIT = "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n"
LLM = "request_id,input_toks,output_toks,arrival_s\n"


def refusal(path: Path, raw: bytes | str) -> str:
    """Write a file, read it, and return the one-line error that names it."""
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(str(path))


WRONG = {
    "empty": ("", ": the file is empty"),
    "blank lines only": ("\n \n", ": the file is empty"),
    "header only": (AZURE, ": holds a header and no request"),
    "burstgpt header only": (BURST, ": holds a header and no request"),
    "cut off in a row": (BURST + "0,ChatGPT,1,2,3,API log\n5,ChatG", ":3: the line is '5,ChatG'; 2 fields where"),
    "cut off in a line of JSON": (lines(ROW) + '{"timestamp": 1, "inpu', ":2: the line is .*was it cut off"),
    "negative tokens": (SPLIT + "0,2,0,1.0,1,-5,7\n", ":2: prompt_size is '-5'; tokens are at least 0"),
    "negative tokens in JSON": (lines(ROW, {**ROW, "output_length": -1}), ":2: output_length is '-1'"),
    "negative time": (LLM + "a,5,7,-1.0\n", ":2: arrival_s is '-1'; times are at least 0"),
    "part of a token": (LLM + "a,5.5,7,1.0\n", ":2: input_toks is '5.5'; tokens are whole numbers"),
    "NaN": (LLM + "a,NaN,7,1.0\n", ":2: input_toks is 'nan'; expected a finite number"),
    "NaN in JSON": (
        '{"timestamp": NaN, "input_length": 1, "output_length": 1}\n',
        ":1: timestamp is 'nan'; expected a finite number",
    ),
    "infinite time": (LLM + "a,5,7,1.0\nb,5,7,inf\n", ":3: arrival_s is 'inf'; expected a finite number"),
    "text for a number": (LLM + "a,five,7,1.0\n", ":2: input_toks is 'five'; expected a number"),
    "missing number": (LLM + "a,5,7,1.0\nb,,7,2.0\n", ":3: input_toks is ''; a value is missing|expected a number"),
    "missing key": (lines(ROW, {"timestamp": 1, "output_length": 2}), ":2: input_length is ''; a value is missing"),
    "a million million tokens": (LLM + "a,1000000000000,7,1.0\n", ":2: input_toks is '1000000000000'; more than"),
    "identifier twice": (LLM + "a,5,7,1.0\nb,5,7,2.0\na,5,7,3.0\n", ":4: request_id is 'a'; this identifier appears"),
    "conversation twice": (
        lines(*({"id": "c", "requests": [{"t": 0, "in": 1, "out": 1, "hash_ids": []}]} for _ in "ab")),
        ":2: id is 'c'; this identifier appears before",
    ),
    "array of JSON": ('[{"timestamp": 0, "input_length": 1, "output_length": 1}]', ":1: a JSON array; write one"),
    "indented JSON": ('{\n  "timestamp": 0,\n  "input_length": 1\n}\n', ":1: a JSON object over several lines"),
    "numbers for objects": (lines(ROW) + "17\n", ":2: the line is '17'; expected one JSON object"),
    "ids that are texts": (lines({**ROW, "hash_ids": ["x"]}), ":1: hash_ids is .*expected a list of whole numbers"),
    "ids that are null": (lines({**ROW, "hash_ids": [None]}), ":1: hash_ids is .*expected a list of whole numbers"),
    "too many ids": (lines({**ROW, "hash_ids": list(range(99))}), ":1: hash_ids is '99 ids'; 10 tokens make"),
    "negative delay": (
        lines({**ROW, "session_id": "a"}, {**ROW, "session_id": "a", "delay": -1}),
        ":2: delay is '-1.0'; a delay is at least 0",
    ),
    "requests that are no list": (lines({"id": "c", "requests": 5}) + '"in" "hash_ids"', ":1: requests is '5'"),
    "date that is none": (AZURE + "2023-13-45 00:00:00,5,6\n", ":1: the first line .*|:2: the time in TIMESTAMP"),
    "second date that is none": (AZURE + "2023-11-16 00:00:00,5,6\nsoon,5,6\n", ":3: the time in TIMESTAMP"),
    "zones on some rows": (
        AZURE + "2024-05-10 00:00:00.0+00:00,5,6\n2024-05-10 00:00:01.0,5,6\n",
        ":3: the time in TIMESTAMP.*some rows name a zone",
    ),
    "column name twice": ("arrived_at,arrived_at,num_prefill_tokens,num_decode_tokens\n0,0,1,1\n", ":1: the header"),
    "column missing": (
        "TIMESTAMP,ContextTokens\n2023-11-16 00:00:00,5\n",
        ":1: .*azure-2023, also needs 'GeneratedTokens'",
    ),
    "column misspelt": (
        "Timestamp,Model,Request token,Response tokens\n0,GPT-4,1,1\n",
        r":1: .*burstgpt, also needs 'Request tokens' \(did you mean it by 'Request token'\?\)",
    ),
    "key misspelt": (
        lines({"timestamp": 0, "input_lenght": 1, "output_length": 1}),
        ":1: .*mooncake, also needs 'input_length'.*'input_lenght'",
    ),
    "another table": (
        "a,b\n1,2\n",
        ":1: the first line 'a,b' is no request trace that evenly knows; known formats: apex",
    ),
    "NUL bytes at the head": (LLM + "a,5,7\0,1.0\n", ":2: holds NUL bytes"),
    "quote without end": (LLM + 'a,5,7,1.0\n"b,5,7,2.0\n', ":3: the line is"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_text_is_refused_with_its_line_and_a_remedy(case: str, tmp_path: Path) -> None:
    text, expected = WRONG[case]
    message = refusal(tmp_path / "trace", text)
    assert re.match(expected, message), message


BYTES = {
    "gzip cut off": (gzip.compress(b"x" * 9999)[:-12], ": the gzip data end early; the file was cut off"),
    "gzip with a broken middle": (
        bytes(byte ^ 255 if k == 40 else byte for k, byte in enumerate(gzip.compress(bytes(range(256)) * 20))),
        ": broken gzip data|: the gzip data end early",
    ),
    "gzip of nothing": (gzip.compress(b""), ": the file is empty"),
    "UTF-16": (FILES["vidur"][1].encode("utf-16"), ": UTF-16 text; save it as UTF-8"),
    "latin-1": ((BURST + "0,Chät,1,2,3,API log\n").encode("latin-1"), ":2: not UTF-8 text"),
    "parquet": (b"PAR1" + bytes(50), ": a parquet file"),
    "zip": (b"PK\x03\x04" + bytes(50), ": a zip archive"),
    "zstd": (b"(\xb5/\xfd" + bytes(50), ": compressed by zstd"),
    "random bytes": (bytes(range(200, 256)) * 9, ":1: not UTF-8 text"),
    "executable": (b"\x7fELF" + bytes(300), ":1: holds NUL bytes"),
}


@pytest.mark.parametrize("case", BYTES)
def test_what_is_no_text_is_refused_and_told_what_it_is(case: str, tmp_path: Path) -> None:
    raw, expected = BYTES[case]
    message = refusal(tmp_path / "trace", raw)
    assert re.match(expected, message), message


@pytest.mark.parametrize("bad", [b"b,5,7\0,1.0\n", "b,5,7,1.0é\n".encode("latin-1")])
def test_damage_far_behind_the_head_is_found_by_its_line(bad: bytes, tmp_path: Path) -> None:
    rows = b"".join(b"a%d,5,7,1.0\n" % k for k in range(30_000))
    message = refusal(tmp_path / "trace", LLM.encode() + rows + bad)
    assert message.startswith(":30002: ")


def test_folders_and_absent_files_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a file; name one trace"):
        read(tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        read(tmp_path / "absent")


def test_a_change_from_seconds_to_milliseconds_in_mid_file_is_found(tmp_path: Path) -> None:
    rows = [f"r{k},5,7,{100.25 + k * (1 if k < 300 else 1000)}\n" for k in range(600)]
    assert ":302: arrival_s is '300100.25'; times jump by about 1000" in refusal(
        tmp_path / "trace", LLM + "".join(rows)
    )


def test_one_request_is_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(LLM + "a,5,7,1.0")
    trace = read(path)
    assert (len(trace), trace.span) == (1, 0.0)


def test_numbers_in_quotes_and_exponents_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(LLM + '"a","5",7e1,1.25\n' + '"b, c",5.0,7,"2"\n')
    trace = read(path)
    assert trace.output.tolist() == [70, 7]
    assert trace.extra["request_id"].tolist() == ["a", "b, c"]


def test_blank_lines_are_no_requests_and_count_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_text(lines(ROW) + "\n" + lines({**ROW, "timestamp": 5}))
    assert len(read(path)) == 2
    path.write_text(lines(ROW) + "\n" + lines({**ROW, "timestamp": -5}))
    with pytest.raises(ValueError, match=":3: timestamp is '-5'"):
        read(path)


@pytest.mark.parametrize("name", ["a*.csv", "[b].csv", "c?.csv", "d 'e\".csv", "é.csv", "-f.csv"])
def test_names_with_special_letters_are_plain_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "a1.csv").write_text("decoy")
    (tmp_path / name).write_text(FILES["vidur"][1])
    assert len(read(tmp_path / name)) == 3


@pytest.mark.parametrize("name", ["a*.csv", "[b].csv.gz"])
def test_errors_name_the_file_that_was_given(name: str, tmp_path: Path) -> None:
    raw = (LLM + "a,five,7,1.0\n").encode()
    message = refusal(tmp_path / name, gzip.compress(raw) if name.endswith("gz") else raw)
    assert message.startswith(":2: input_toks is 'five'")
