"""The table of Zato's names: each that works is tried in a service, or names the test that shows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, KeyFile, NoSettings, Request, Security, load
from hansa_http.channel import HttpSettings
from hansa_scheduler.channel import ScheduleChannel
from hansa_security.verification import Principal
from hansa_zato.compatibility import Row, Subject, subjects
from hansa_zato.compatibility.table import _read
from hansa_zato.messages.definitions import JSONPointerExpression, Namespace, XPathExpression
from hansa_zato.section import ZatoSection
from zato.server.service import Service

from plugins.zato.tests.conftest import Backend
from plugins.zato.tests.facade import Facade

TOP = Path(__file__).parents[3]
CHANNEL = {"url_path": "/trial/{number}"}
PARAMS = {"path_params": {"number": "7"}, "query": {"colour": "red"}}


class Echo(Service):
    """What the trials call."""

    name = "trials.echo"

    def handle(self) -> None:
        self.response.payload = self.request.payload


class Guard(Security[NoSettings]):
    """Who lets in the callers of the trials."""

    type = "apikey"


def message() -> Request:
    made = Request(
        b'{"id": 7}',
        cid="K7",
        method="POST",
        path="/trial/7",
        params={"number": "7", "colour": "red"},
        headers={"user-agent": "curl"},
        extra=dict(PARAMS),
        peer="10.0.0.1",
    )
    made.principal = Principal("ada", "guard")
    return made


@pytest.fixture
def surroundings(cached: Facade, backend: Backend, tmp_path: Path) -> Facade:
    """What the trials expect: a connection, files of the user, another service."""
    (tmp_path / "bank.conf").write_text('[limits]\nlargest = 100\nname = "a b"\n')
    cached._section = ZatoSection(user_config={"bank": "bank.conf"}, static_dir="static")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "letter.txt").write_text("Dear")
    scripts = tmp_path / "config" / "repo" / "lua" / "user"
    scripts.mkdir(parents=True)
    (scripts / "first.lua").write_text("return ARGV[1]")
    (tmp_path / "secret.key").write_text(KeyFile.new_key())
    cached.registry.add_types("test", [ScheduleChannel])
    expressions: list[tuple[Any, str, str]] = [
        (JSONPointerExpression, "the b", "/a/b/0"),
        (XPathExpression, "the a", "/o:r/o:a"),
        (Namespace, "o", "urn:o"),
    ]
    for cls, name, value in expressions:
        made = cls(name, load(cls.Config, {"value": value}), cached.as_server)
        cached.objects["message", cls.type, name] = made
    cached.connect("Billing", address=backend.url)
    cached.add(Echo)
    cached.objects["security", "apikey", "guard"] = Guard("guard", NoSettings(), cached.as_server)
    return cached


def attempt(self: Any, source: str) -> None:
    """Run a trial: an expression that is to be true, or statements."""
    names = {"self": self, "Echo": Echo, "Service": Service}
    try:
        ast.parse(source, mode="eval")
    except SyntaxError:
        exec(source, names)
        return
    found = eval(source, names)  # noqa: S307 - a source of the table
    if not found:
        raise ValueError(f"is {found!r}")


def tried(server: Facade, row: Row) -> str:
    """Why a trial fails; empty if it does not."""
    faults: list[str] = []

    def handle(self: Any) -> None:
        try:
            attempt(self, row.trial)
        except Exception as error:
            faults.append(f"{type(error).__name__}: {error}")

    cls: Any = type("Trial", (Service,), {"handle": handle})
    server.add(cls)
    config = load(HttpSettings, CHANNEL)
    answer = server.route(cls.get_name(), "http", "json", config)(message())
    if not faults and not answer.ok:
        faults.append(f"{answer.status} {answer.raw!r}")
    return "; ".join(faults)


def fault_of_proof(row: Row) -> str:
    """What is wrong with the test that a row names: it is to be there, and to have the name in it, or
    the row says which of the file it is.
    """
    file, _, test = row.proof.partition("::")
    if not file:
        return ""
    if not (TOP / file).is_file():
        return f"there is no file {file}"
    text = (TOP / file).read_text("utf-8")
    if test:
        return "" if re.search(rf"^ *def {test}\(", text, re.M) else f"{file} has no {test}"
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.I) for word in words(row.name)):
        return ""
    return f"{file} does not have it: name the test, as FILE::TEST"


def words(name: str) -> set[str]:
    """The last word of each part of a name, without arguments: `get` of `self.email.imap.get(...)`."""
    found = [re.findall(r"\w[\w-]*", re.sub(r"\(.*?\)", "", part)) for part in name.split(",")]
    return {each[-1] for each in found if each}


@pytest.mark.parametrize("subject", subjects(), ids=lambda each: each.title)
def test_what_works_does(surroundings: Facade, subject: Subject) -> None:
    faults = {row.name: tried(surroundings, row) for row in subject.rows if row.trial}
    assert [f"{name}: {fault}" for name, fault in faults.items() if fault] == []


@pytest.mark.parametrize("subject", subjects(), ids=lambda each: each.title)
def test_what_is_claimed_is_shown_and_what_is_missing_is_explained(subject: Subject) -> None:
    names = [row.name for row in subject.rows]
    assert len(names) == len(set(names))
    for row in subject.rows:
        if row.status == "not":
            assert row.why and not row.trial, row.name
        else:
            assert row.trial or row.proof, row.name
    faults = {row.name: fault_of_proof(row) for row in subject.rows}
    assert [f"{name}: {fault}" for name, fault in faults.items() if fault] == []


def test_a_file_with_faults_tells_all_of_them() -> None:
    with pytest.raises(Invalid) as caught:
        _read("a.toml", 'title = 5\n[names]\n"self.a" = { differ = "b" }\n')
    told = " ".join(f"{key} {fault}" for key, fault in caught.value.errors.items())
    assert "a.toml" in told and "title" in told
