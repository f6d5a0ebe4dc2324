"""Lengths of tokenised data sets: every kind of file gives the same, and a bad row is named."""

from pathlib import Path

import duckdb
import pytest

from evenly.traces.sequences import holds, read

IDS = "[[1, 2, 3], [4], [5, 6]]"


def parquet(path: Path, select: str) -> Path:
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def test_every_kind_of_file_gives_the_same_lengths(tmp_path: Path) -> None:
    files = {
        "a.txt": "3\n1\n2\n",
        "b.csv": "id,length\nx,3\ny,1\nz,2\n",
        "c.jsonl": '{"input_ids": [1, 2, 3]}\n{"input_ids": [4]}\n{"input_ids": [5, 6]}\n',
        "d.jsonl": '{"num_tokens": 3}\n{"num_tokens": 1}\n{"num_tokens": 2}\n',
        "e.json": '[{"tokens": [1, 2, 3]}, {"tokens": [4]}, {"tokens": [5, 6]}]',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = [
        *(tmp_path / name for name in files),
        parquet(tmp_path / "f.parquet", f"SELECT unnest({IDS}) AS input_ids"),
    ]
    for path in paths:
        assert holds(path), path
        assert read(path).length.tolist() == [3, 1, 2], path


def test_padding_is_not_counted_where_a_mask_tells_it(tmp_path: Path) -> None:
    columns = {"input_ids": "[[1, 2, 0, 0], [1, 0, 0, 0]]", "attention_mask": "[[1, 1, 0, 0], [1, 0, 0, 0]]"}
    select = "SELECT " + ", ".join(f"unnest({lists}) AS {name}" for name, lists in columns.items())
    assert read(parquet(tmp_path / "a.parquet", select)).length.tolist() == [2, 1]


def test_a_folder_is_read_file_by_file_and_a_count_makes_a_histogram(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    parquet(tmp_path / "sub" / "train-0.parquet", "SELECT 5 AS length")
    parquet(tmp_path / "sub" / "train-1.parquet", "SELECT 7 AS length")
    assert read(tmp_path).length.tolist() == [5, 7]
    histogram = tmp_path / "h.csv"
    histogram.write_text("length,count\n1,0\n2,10\n3,5\n")
    found = read(histogram)
    assert found.length.tolist() == [2, 3]
    assert found.number == 15


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "3\nthree\n", r"a.txt: row 2: length is a whole number from 1, found nothing that is a number"),
        ("a.txt", "3\n0\n", r"a.txt: row 2: length is a whole number from 1, found 0"),
        ("a.csv", "length\n2.5\n", r"a.csv: row 1: length is a whole number from 1, found 2.5"),
        ("a.csv", "text\nhello\n", r"a.csv: no column of lengths or token ids among text; rename one"),
        ("a.csv", "length\n", r"a.csv: holds no sequence"),
        ("a.csv", "length,count\n3,0\n", r"a.csv: a histogram without sequences"),
        ("a.jsonl", '{"length": 3}\n{"len', r"a.jsonl: cannot be read: "),
        ("a.bin", "x", r"a.bin: holds no file that ends in .parquet"),
        ("a[1].txt", "3\n", r"the name holds one of \* \? \[ \]"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read(path)


def test_arrow_files_are_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "data-00000.arrow").write_bytes(b"ARROW1")
    with pytest.raises(ValueError, match="to_parquet"):
        read(tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        read(tmp_path / "absent.parquet")
