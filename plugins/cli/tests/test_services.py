"""`hansa deploy`, `hansa invoke` and `hansa service`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine


def test_deploy_is_all_or_nothing(cli: CommandLine, tmp_path: Path) -> None:
    good, bad = tmp_path / "shown.py", tmp_path / "broken.py"
    good.write_text(
        "from hansa import Service\nclass A(Service):\n    def handle(self):\n        return 1\n"
    )
    bad.write_text("x = (\n")
    done = cli.run("deploy", str(bad), str(good))
    assert done.exit_code == 1
    assert "broken.py, line 1" in done.stderr
    assert "no files" in cli.ok("service", "packages", "--filter", "shown")
    try:
        assert "shown.py: version 1 serves shown.a" in cli.ok("deploy", str(good))
        assert cli.json("deploy", str(good))["packages"][0]["services"] == ["shown.a"]
        good.write_text(good.read_text().replace("return 1", "return 2"))
        cli.ok("deploy", str(good))
        assert cli.ok("invoke", "shown.a").strip() == "2"
        assert "version 1 serves" in cli.ok("service", "rollback", "shown.a")
        assert cli.ok("service", "get", "shown.a", "--source").endswith("return 1\n")
        assert cli.ok("service", "source", "shown.a", "--version", "2").endswith("return 2\n")
        assert "shown.a" in cli.ok("service", "list", "--filter", "shown")
    finally:
        cli.ok("service", "delete", "shown.a")


def test_deploy_takes_folders_packages_and_archives(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "services"
    for path, text in {
        "shown.py": (
            "from hansa import Service\n"
            "from cliparts import X\n"
            "class A(Service):\n"
            "    def handle(self): return X\n"
        ),
        "cliparts/__init__.py": "from .deep.x import X",
        "cliparts/deep/__init__.py": "",
        "cliparts/deep/x.py": "X = 1",
        "cliparts/table.csv": "1,2",
        "cliparts/__pycache__/x.cpython-311.pyc": "",
        ".git/x.py": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "link.py").symlink_to("/etc/passwd")
    try:
        done = cli.run("deploy", str(folder))
        assert done.exit_code == 0, done.stderr
        assert "cliparts/: version 1 is there to be imported" in done.stdout
        assert done.stderr == "left out, as only Python is deployed: cliparts/table.csv\n"
        assert cli.ok("invoke", "shown.a").strip() == "1"
        (folder / "cliparts/deep/x.py").write_text("X = 2")
        cli.ok("deploy", str(folder / "cliparts"))
        assert cli.ok("invoke", "shown.a").strip() == "2"
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("cliparts/__init__.py", "X = 3")
        cli.ok("deploy", str(tmp_path / "a.zip"))
        assert cli.ok("invoke", "shown.a").strip() == "3"
        table = cli.ok("service", "packages", "--filter", "cliparts")
        assert "cliparts/" in table
        assert "shown.py" in table
        assert "X = 3" in cli.ok("service", "source", "cliparts")
        assert "# cliparts/deep/x.py\nX = 1" in cli.ok(
            "service", "source", "cliparts/", "--version", "1"
        )
    finally:
        cli.ok("service", "delete", "shown.a", "cliparts/")


def test_deploy_refuses_what_it_cannot_read(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}.py", b" " * 2**20)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(1001):
            archive.writestr(f"a{number}.py", b"")
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../slip.py", b"")
    (tmp_path / "coding.py").write_bytes(b"# coding: klingon\n")
    for name, code, fault in (
        ("empty", 2, "no Python file"),
        ("broken.zip", 2, "cannot be read"),
        ("bomb.zip", 2, "holds over 1000 Python files or over 4194304 bytes"),
        ("many.zip", 2, "holds over 1000 Python files"),
        ("slip.zip", 1, "'../slip.py' must be letters"),
        ("coding.py", 2, "cannot be read"),
    ):
        done = cli.run("deploy", str(tmp_path / name))
        assert (done.exit_code, fault in done.stderr) == (code, True), done.stderr
    done = cli.run("deploy", str(tmp_path / "slip.zip"), str(tmp_path / "slip.zip"))
    assert "is given twice" in done.stderr


def test_invoke_takes_a_file_or_standard_input(cli: CommandLine, tmp_path: Path) -> None:
    expected = {"rate": "Malta 1.22"}
    payload = '{"country": "Malta"}'
    (tmp_path / "in.json").write_text(payload)
    assert json.loads(cli.ok("invoke", "rates.get-rate", "--payload", payload)) == expected
    assert (
        json.loads(cli.ok("invoke", "rates.get-rate", "--payload", f"@{tmp_path}/in.json"))
        == expected
    )
    assert (
        json.loads(cli.ok("invoke", "rates.get-rate", "--payload", "-", input=payload)) == expected
    )
    assert cli.json("invoke", "rates.get-rate", "--payload", payload)["payload"] == expected
    refused = cli.run("invoke", "rates.get-rate", "--payload", "{}")
    assert refused.exit_code == 1
    assert "country: required, and missing" in refused.stderr
