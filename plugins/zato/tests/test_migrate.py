"""`zato migrate`: shows sources in Python 3, changes them only when asked to, says what it cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hansa_devkit.harness.server import BIN
from hansa_zato.command.migrate import migrate

OLD = "import urllib2\n\ntry:\n    print 'é'\nexcept KeyError, e:\n    pass\n"
NEW = (
    "import urllib.request, urllib.error, urllib.parse\n\n"
    "try:\n    print('é')\nexcept KeyError as e:\n    pass\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "old.py"
    made.write_text(OLD)
    return made


def test_it_shows_what_would_change_and_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate([str(file)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[:2] == [f"--- {file}", f"+++ {file}"]
    assert "-    print 'é'\n" in printed.out and "+    print('é')\n" in printed.out
    assert printed.err == "1 to be changed; --write changes them\n"
    assert file.read_text() == OLD


def test_it_writes_when_asked_to(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert migrate(["--write", str(file)]) == 0
    assert file.read_text() == NEW
    assert "print('é')" in capsys.readouterr().out
    assert migrate([str(file)]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_folder_and_what_is_in_python_3_already(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = tmp_path / "shop"
    inner.mkdir()
    (inner / "names.py").write_text("x = unicode(1)")
    (inner / "new.py").write_text("print('a', end='')\n")
    assert migrate([str(tmp_path), "--write"]) == 0
    assert file.read_text() == NEW
    assert (inner / "names.py").read_text() == "x = str(1)"
    assert (inner / "new.py").read_text() == "print('a', end='')\n"


def test_imports_of_a_file_in_the_same_folder_get_their_dot(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("__init__.py", "rates.py"):
        (folder / name).write_text("")
    (folder / "a.py").write_text("import rates\nprint rates\n")
    (tmp_path / "b.py").write_text("import shop\nprint shop\n")
    assert migrate([str(tmp_path), "--write"]) == 0
    assert (folder / "a.py").read_text() == "from . import rates\nprint(rates)\n"
    assert (tmp_path / "b.py").read_text() == "import shop\nprint(shop)\n"


def test_line_ends_and_encodings_stay(tmp_path: Path) -> None:
    latin = tmp_path / "latin.py"
    latin.write_bytes("# -*- coding: latin-1 -*-\r\nprint 'é'\r\n".encode("latin-1"))
    marked = tmp_path / "marked.py"
    marked.write_bytes(b"\xef\xbb\xbfprint 'a'")
    assert migrate([str(latin), str(marked), "--write"]) == 0
    written = latin.read_bytes()
    assert written == "# -*- coding: latin-1 -*-\r\nprint('é')\r\n".encode("latin-1")
    assert marked.read_bytes() == b"\xef\xbb\xbfprint('a')"


def test_what_cannot_be_rewritten_is_told_and_the_others_are(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text("x = = 1\n")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    bad, coded, gone = (tmp_path / name for name in ("bad.py", "bytes.py", "gone.py"))
    assert migrate([str(bad), str(coded), str(gone), str(file), "--write"]) == 1
    told = capsys.readouterr().err
    assert f"{bad}: bad input" in told
    assert f"{coded}: its encoding is not UTF-8" in told
    assert f"{gone}: No such file or directory" in told
    assert file.read_text() == NEW


def test_it_is_a_word_of_the_command(file: Path) -> None:
    done = subprocess.run(
        [str(BIN / "zato"), "migrate", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and "+    print('é')" in done.stdout
    wrong = subprocess.run(
        [str(BIN / "zato"), "migrate"], capture_output=True, timeout=60, check=False
    )
    assert wrong.returncode == 2
