"""Files that are replaced as a whole: also by many at once, and never with a part of the content."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from hansa import StatusFile, replace_file
from hansa.foundation.files import create_file


def test_content_mode_and_folder(tmp_path: Path):
    path = tmp_path / "new" / "file"
    replace_file(path, "one")
    assert path.read_text() == "one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    replace_file(path, b"\xff", mode=0o644, durable=True)
    assert path.read_bytes() == b"\xff"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["file"]


def test_the_old_one_stays_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "file"
    replace_file(path, "old")

    def full(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        replace_file(path, "new", durable=True)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        replace_file(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_readers_see_one_content_or_the_other(tmp_path: Path):
    path = tmp_path / "file"
    contents = ["a" * 10_000, "b" * 20_000]
    replace_file(path, contents[0])
    ended = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not ended.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        replace_file(path, contents[number % 2])
    ended.set()
    reader.join()
    assert seen and seen <= set(contents)


def test_of_several_who_create_it_one_does(tmp_path: Path):
    path = tmp_path / "secret"
    gate = threading.Barrier(8)
    made: list[str] = []

    def make(content: str) -> None:
        gate.wait()
        if create_file(path, content * 1000):
            made.append(content)

    makers = [threading.Thread(target=make, args=(letter,)) for letter in "abcdefgh"]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    (first,) = made
    assert path.read_text() == first * 1000
    assert os.listdir(tmp_path) == ["secret"]
    assert not create_file(path, "later")


def test_a_status_waits_for_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    status = StatusFile(tmp_path / "status")
    status.write("one")
    with monkeypatch.context() as context:
        context.setattr(os, "replace", full)
        status.write("two")
        status.write("three")
        status.catch_up()
    assert status.path.read_text() == "one"
    assert caplog.messages == [f"{status.path} cannot be written now, and is later: no space left"]
    status.catch_up()
    assert status.path.read_text() == "three"
    status.remove()
    status.catch_up()
    assert not status.path.exists()
