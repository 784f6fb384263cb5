"""Local files appear whole or not at all."""

from __future__ import annotations

import os

import pytest
from hansa_connect.transfer import whole_file


@pytest.mark.parametrize("name", ["report.csv", "ü" * 127])
def test_a_file_appears_whole(tmp_path, name):
    target = tmp_path / name
    with whole_file(target) as file:
        file.write(b"one")
        file.flush()
        assert not target.exists()
    assert target.read_bytes() == b"one"
    assert os.listdir(tmp_path) == [name]


def test_of_one_that_breaks_nothing_appears_and_what_was_there_stays(tmp_path):
    target = tmp_path / "report.csv"
    target.write_bytes(b"before")

    def write_half():
        with whole_file(target) as file:
            file.write(b"half")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_half()
    assert target.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["report.csv"]
