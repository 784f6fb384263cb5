"""The worked example of the README, run as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Server

README = (Path(__file__).parents[1] / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.S)
    assert found is not None
    return found[1]


def test_the_worked_example_works(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = server.call("admin.service.get", {"name": "rates.get-rate"})["source"]
    (tmp_path / "rates.py").write_text(
        block("python") + "\n\n" + kept.replace("class GetRate", "class Rest")
    )
    try:
        for line in block("sh").splitlines():
            command, *arguments = shlex.split(line)
            assert command == "hansa"
            if "rollback" in arguments:
                continue  # of a source that other tests need
            done = server.cli(*arguments)
            assert done.returncode == 0, (line, done.stderr)
        answer = server.http("/v1/rates/Cyprus", user="partner", password="change-me-please")
        assert answer.json == {"rate": "1.22", "country": "Cyprus"}
    finally:
        server.wipe()
        server.call("admin.service.deploy", {"file": "rates.py", "source": kept})


def test_every_admin_service_is_documented(server: Server) -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `admin.")]
    documented = set()
    for row in rows:
        first, *others = re.findall(r"`([^`]+)`", row)
        documented |= {first} | {f"{first.rpartition('.')[0]}.{other}" for other in others}
    for item in server.call("admin.service.list", {"filter": "admin.", "limit": 10_000})["items"]:
        parts = item["name"].split(".")
        name = f"admin.KIND.TYPE.{parts[3]}" if len(parts) == 4 else item["name"]
        if name not in ("admin.api", "admin.openapi", "admin.docs", "admin.docs.file"):
            assert name in documented, name
