"""The report says of a server's own files what each setting becomes, and shows no password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hansa_zato.report.installation import report
from hansa_zato.report.lines import Line
from hansa_zato.report.settings import table

SERVER = """\
[main]
gunicorn_bind=0.0.0.0:17010
gunicorn_workers = 4 # as many as cores
gunicorn_timeout=1234567890
token=%(secret)s
new_in_zato_9=1

[odb]
engine=postgresql
password=zato+secret://abc

[kvdb]
host=localhost
password=hush-hush
sentinels=

[hot_deploy]
pickup_dir=../../pickup
[misc]
http_proxy =
default_error_message="An error has occurred"
return_tracebacks=True
[startup_services_first_worker]
rates.load = file:///rates.json
[user_config]
user=%(repo_dir)s/user.conf
bank=bank.conf
[no_such_section]
key='''several
gunicorn_bind=1.2.3.4:5
lines'''
[newrelic]
config=/etc/newrelic.ini
"""
SIMPLE_IO = "[int]\nexact=id\nsuffix=_id, _no\n[bool]\nprefix=is_, has_\n"


@pytest.fixture
def lines(tmp_path: Path) -> dict[str, Line]:
    repo = tmp_path / "server1" / "config" / "repo"
    repo.mkdir(parents=True)
    (repo / "server.conf").write_text(SERVER)
    (repo / "simple-io.conf").write_text(SIMPLE_IO)
    (repo / "sso.conf").write_text("[main]\nencrypt_email=True\n")
    (repo / "secrets.conf").write_bytes(b"[zato]\nkey = \xe9\n")
    (repo / "user.conf").write_text("[a]\nb=1\n")
    made = report(tmp_path)
    assert made.settings == 24
    assert "hush-hush" not in str(made.show()) and "abc" not in str(made.show())
    return {one.subject: one for one in made.lines}


@pytest.mark.parametrize(
    ("subject", "line", "status", "instead"),
    [
        ("[main] gunicorn_bind", 2, "differs", '[http] address = "0.0.0.0:17010"'),
        ("[main] gunicorn_workers", 3, "differs", "[server] workers = 4"),
        ("[main] gunicorn_timeout", 4, "runs", ""),
        ("[main] token", 5, "runs", ""),
        ("[main] new_in_zato_9", 6, "missing", ""),
        ("[odb] password", 10, "differs", "`[odb] url`"),
        ("[kvdb] password", 14, "differs", "`[redis] address`"),
        ("[kvdb] sentinels", 15, "runs", ""),
        ("[hot_deploy] pickup_dir", 18, "differs", '[pickup] directory = "../../pickup"'),
        ("[misc] http_proxy", 20, "runs", ""),
        ("[misc] default_error_message", 21, "runs", ""),
        (
            "[startup_services_first_worker] rates.load",
            24,
            "differs",
            '[zato.startup_services_first_worker] "rates.load" = "file:///rates.json"',
        ),
        ("[user_config] user", 26, "differs", '[zato.user_config] user = "user.conf"'),
        ("[no_such_section] key", 29, "runs", ""),
        ("[newrelic] config", 33, "missing", ""),
        ("[int] suffix", 3, "differs", "declare the types"),
        ("[bool] prefix", 5, "runs", ""),
        ("[main] encrypt_email", 2, "missing", ""),
        ("user.conf", 0, "runs", ""),
        ("bank.conf", 0, "missing", ""),
        ("secrets.conf", 0, "missing", ""),
    ],
)
def test_each_setting_is_told(
    lines: dict[str, Line], subject: str, line: int, status: str, instead: str
) -> None:
    found = lines[subject]
    assert (found.line, found.status) == (line, status)
    assert found.instead.startswith(instead) and bool(found.instead) == bool(instead)


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, sections in table().items():
        for section, keys in sections.items():
            for key, row in keys.items():
                yield f"{file} [{section}] {key}", row


def _known_settings() -> set[str]:
    """The settings of config.toml, as the reference, which is made from the code, has them."""
    text = (Path(__file__).parents[3] / "docs/reference/configuration.md").read_text()
    found, section = set(), ""
    for line in text.splitlines():
        if heading := re.match(r"## \[(\w+)\]", line):
            section = heading[1]
        elif row := re.match(r"\| `(\w+)` \|", line):
            found.add(f"{section}.{row[1]}")
    return found


def test_each_row_says_one_thing_and_names_settings_that_exist() -> None:
    known = _known_settings()
    for where, row in _rows():
        said = {"becomes", "differs", "missing", "runs", "known"} & row.keys()
        assert len(said) == 1, where
        assert row.keys() <= {*said, "write", "quiet"}, where
        if "becomes" in row:
            assert row["becomes"] in known, where
            assert "write" in row, where
