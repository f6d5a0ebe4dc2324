"""Public files that claims need."""

import gzip
from pathlib import Path

import pytest

from evenly.papers.data import public
from evenly.papers.reproduce import Skipped


def test_a_file_is_found_anywhere_in_the_folder_also_gzipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENLY_DATA", str(tmp_path))
    inner = tmp_path / "some" / "where"
    inner.mkdir(parents=True)
    with gzip.open(inner / "trace.csv.gz", "wt") as file:
        file.write("a")
    assert public("trace.csv", "https://example.org") == inner / "trace.csv.gz"
    (inner / "trace.csv").write_text("a")
    assert public("trace.csv", "https://example.org") == inner / "trace.csv"


@pytest.mark.parametrize("folder", ["", "absent"])
def test_an_absent_file_skips_the_claim_and_says_what_to_do(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENLY_DATA", str(tmp_path / folder))
    message = r"needs trace.csv from https://example.org; put it into a folder and set EVENLY_DATA to that folder"
    with pytest.raises(Skipped, match=message):
        public("trace.csv", "https://example.org")
