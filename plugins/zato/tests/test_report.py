"""The report says of an installation, by file and line, what runs, what differs and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hansa.cli import commands
from hansa_zato.report import installation
from hansa_zato.report.installation import report
from hansa_zato.report.lines import Report
from hansa_zato.report.page import page
from hansa_zato.report.sources import read_source

from plugins.zato.tests.enmasse_files import channel, write_json

SERVICE = """\
from bunch import Bunch
from zato.server.service import Service, PubSubHook
import magic_module_nobody_has
from helpers import help


class GetRate(Service):
    class SimpleIO:
        input_required = ("day",)

    def before_handle(self):
        self.ours.anything()

    def handle(self):
        raise SystemExit("a report runs nothing")
        self.logger.info(self.sso.user, self.request.input.day)
        self.invoke("zato.ping@server2")
        self.invoke("zato.no-such-service")
        self.response.payload.rate = self.kvdb.conn.get("a")
        self.deliver("orders", self.server.name, self.server.worker_cache.get("a"))
        store = self.server.service_store
        return store, self.delivery_store


class Named(Service):
    name = "rates.named"

    def handle(self):
        return self.request.input.month


class NoService:
    def get_request_hash(self):
        return self.sso
"""
PYTHON_2 = """\
from zato.server.service import Service

class Old(Service):
    def handle(self):
        try:
            print "hello"
        except Exception, e:
            self.logger.warn(e)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    services = tmp_path / "server1" / "pickup-dir"
    services.mkdir(parents=True)
    (services / "rates.py").write_text(SERVICE)
    (services / "helpers.py").write_text("def help():\n    pass\n")
    (services / "old.py").write_text(PYTHON_2)
    (services / "broken.py").write_text("def (:\n")
    (services / "latin.py").write_bytes(b"# \xe9\n")
    hidden = tmp_path / ".git"
    hidden.mkdir()
    (hidden / "rates.py").write_text(SERVICE)
    (tmp_path / "package.json").write_text('{"name": "no enmasse", "files": ["a"]}')
    config = {
        "channel_plain_http": [
            {**channel(0), "service": "rates.get-rate"},
            {**channel(2), "service": "rates.named", "has_rbac": True},
            {**channel(4), "service": "gone.get"},
        ],
        "def_sec": [{"name": "partner", "type": "basic_auth", "username": "ada"}],
        "rbac_role": [{"name": "clerk"}],
    }
    write_json(tmp_path / "export.json", config)
    return tmp_path


def told(made: Report, file: str) -> dict[str, tuple[int, str]]:
    return {one.subject: (one.line, one.status) for one in made.lines if one.file.endswith(file)}


def test_a_source_is_read_line_by_line(folder: Path):
    made = told(report(folder), "rates.py")
    assert made["bunch.Bunch"] == (1, "runs")
    assert made["zato.server.service.Service"] == (2, "runs")
    assert made["magic_module_nobody_has"] == (3, "missing")
    assert "helpers.help" not in made
    assert made["service rates.get-rate"] == (7, "runs")
    assert made["before_handle"] == (11, "differs")
    assert made["self.sso.user"] == (16, "missing")
    assert made["service zato.ping"] == (17, "runs")
    assert made["service zato.no-such-service"] == (18, "missing")
    assert made["self.kvdb.conn.get"] == (19, "runs")
    assert made["self.deliver"] == (20, "missing")
    assert made["self.server.name"] == (20, "runs")
    assert made["self.server.worker_cache.get"] == (20, "differs")
    assert "self.server.service_store" not in made
    assert made["self.delivery_store"] == (22, "missing")
    assert made["service rates.named"] == (25, "runs")
    assert made["self.request.input.day"] == (16, "runs")
    assert made["self.request.input.month"] == (29, "differs")
    assert not [subject for subject in made if "ours" in subject or "hash" in subject]


def test_python_2_is_told_and_read_all_the_same(folder: Path):
    made = report(folder)
    assert {one.line for one in made.lines if one.subject == "syntax" and "old" in one.file} == {
        6,
        7,
    }
    assert told(made, "old.py")["service old.old"][1] == "runs"
    (advice,) = {one.instead for one in made.lines if one.why == "is Python 2"}
    assert advice == "zato migrate --write server1/pickup-dir/old.py"


def test_what_runs_without_being_rewritten_is_not_python_2(tmp_path: Path):
    source = tmp_path / "old.py"
    source.write_text(
        PYTHON_2
        + "        import urllib2, urlparse\n"
        + "        for a, b in {}.iteritems():\n"
        + "            print a, unicode(urllib2.quote(b))\n"
    )
    missing = [one for one in read_source(source, "old.py").lines if one.status == "missing"]
    assert [(one.line, one.subject) for one in missing] == [
        (6, "syntax"),
        (7, "syntax"),
        (11, "syntax"),
    ]


def test_sources_that_cannot_be_read_are_told(folder: Path):
    made = report(folder)
    for name in ("broken.py", "latin.py"):
        assert [one.status for one in made.lines if one.file.endswith(name)] == ["missing"]


def test_files_of_enmasse_are_read_with_the_services(folder: Path):
    made = report(folder)
    lines = {
        (one.subject, one.status)
        for one in made.lines
        if one.file == "export.json" and one.status != "runs"
    }
    assert lines == {
        ("W20 channel_plain_http 'rates-2' has_rbac", "missing"),
        ("W22 rbac_role 'clerk'", "differs"),
        ("E20 def_sec 'partner' password", "differs"),
        ("service gone.get", "missing"),
    }
    assert ("channel_plain_http 'rates-0'", "runs") in {(o.subject, o.status) for o in made.lines}
    assert (made.sources, made.services, made.files, made.objects) == (5, 3, 1, 5)


def test_files_that_are_too_many_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "MOST_FILES", 3)
    made = report(folder)
    (line,) = [one for one in made.lines if one.file == "."]
    assert (line.status, "more than 3 files" in line.why) == ("missing", True)
    assert made.sources <= 3


def test_a_source_may_be_anything(tmp_path: Path):
    source = tmp_path / "deep.py"
    source.write_text("x = " + "(" * 80 + ")" * 80 + "\n" + "y = " + "-" * 5000 + "1\n")
    assert read_source(source, "deep.py").lines
    assert "cannot be read" in read_source(tmp_path / "gone.py", "gone.py").lines[0].why


def test_a_page_shows_texts_of_others_as_texts(folder: Path):
    (folder / "<b>.py").write_text("import no_such_module_anywhere\n")
    text = page(report(folder))
    assert "&lt;b&gt;.py" in text
    assert "<b>" not in text
    assert "<script" not in text
    assert "service rates.get-rate" not in text
    assert "service rates.get-rate" in page(report(folder), everything=True)


def test_the_command(folder: Path, tmp_path: Path):
    runner = CliRunner(env={"NO_COLOR": "1"})
    html = tmp_path / "report.html"
    words = ["report", "zato", str(folder)]
    shown = runner.invoke(commands, [*words, "--html", str(html)])
    assert shown.exit_code == 0, shown.output
    assert "3 services in 5 sources, 5 objects in 1 files of enmasse" in shown.output
    assert html.read_text().startswith("<!doctype html>")
    assert html.stat().st_mode & 0o777 == 0o600
    checked = runner.invoke(commands, [*words, "--json", "--check"])
    assert checked.exit_code == 5
    found = json.loads(checked.output)
    assert found["counts"]["missing"] == len(
        [o for o in found["lines"] if o["status"] == "missing"]
    )
    (folder / "empty").mkdir()
    assert (
        runner.invoke(commands, ["report", "zato", str(folder / "empty"), "--check"]).exit_code == 0
    )
