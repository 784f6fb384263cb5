"""What a form says that it would do, as a command and as a call of the API, does just that."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape

import requests
from hansa_cli.schema import Schema
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.forms.equivalents import command_of, masked

from plugins.web.tests.conftest import Browser
from tests.commands import hansa

STATION = "/tests/outgoing/telegraph"
SECRET = "dah dit dah dit"
FILLED = {
    "sign": "O'XZ",
    "code": "baudot",
    "through": "",
    "opened": "2026-11-30T12:00:00Z",
    "signs": "OXA\r\nOXB",
    "days": "mon",
    "prices~keys": ["dk", "s=e"],
    "prices": ["1.20", "1.40"],
    "operators[0].name": "Ada",
    "operators[0].wire.speed": "12",
    "rates[0]~key": "dk",
    "rates[0].price": "2.5",
    "codes~keys": ["a", "b"],
    "codes": ["1", "x"],
    "hours": "8",
    "limit": "20",
    "extra": '{"any": [1, null]}',
    "class_": "~none",
    "key": SECRET,
    "urgent": "true",
    "note": "one\r\n-two",
    "wire.speed": "30",
    "wire.tone~from": "$env",
    "wire.tone~reference": "PATH",
}
"""A value of each sort."""


def equivalents(browser: Browser, path: str, fields: dict[str, object]) -> tuple[list[str], str]:
    """Return the words of the command, and the call, that a form shows."""
    answer = browser.post(path, {**fields, "action": "command"})
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    found = re.findall(r"<pre data-copy>(.*?)</pre>", answer.text, re.DOTALL)
    command, call = map(unescape, found)
    return shlex.split(command), call


def stored(server: RunningServer, name: str) -> dict[str, object]:
    """Return the settings of a station."""
    found = server.api("admin.outgoing.telegraph.get", name=name)
    left_out = ("name", "revision", "state", "states")
    return {key: value for key, value in found.items() if key not in left_out}


def test_the_command_makes_what_the_form_makes(browser: Browser, server: RunningServer) -> None:
    fields = {**FILLED, "wire.tone~from": "", "wire.tone": "440.5"}
    page = browser.get(f"{STATION}/new").text
    assert 'value="command">As a command</button>' in page
    words, call = equivalents(browser, f"{STATION}/new", {**fields, "name": "by command"})
    assert words[:5] == ["hansa", "outgoing", "telegraph", "create", "by command"]
    assert words[words.index("--key") + 1] == "-" and "--urgent" in words
    at = words.index("--key")
    hansa(server, *words[1:at], f"--key={SECRET}", *words[at + 2 :])
    assert browser.post(f"{STATION}/new", {**fields, "name": "by form"}).status_code == 303
    assert stored(server, "by command") == stored(server, "by form")
    assert server.api("admin.outgoing.telegraph.get", name="by form")["sign"] == "O'XZ"

    words = shlex.split(call.replace("\\\n", ""))
    assert words[0] == "curl" and words[2::2] == ["-H", "-H", "-d"]
    url, header, content_type, data = words[1::2]
    assert header == "Authorization: Bearer $TOKEN"
    asked = json.loads(data)
    assert asked["key"] == "***" and content_type == "Content-Type: application/json"
    done = requests.post(
        url, json={**asked, "name": "by call"}, auth=("admin", server.password), timeout=30
    )
    assert done.status_code == 200, done.text
    assert stored(server, "by call") == stored(server, "by form")

    path = f"{STATION}/by%20form/edit"
    seen = re.search(r'name="seen_revision" value="(\d+)"', browser.get(path).text)
    assert seen is not None
    changed = {"seen_revision": seen[1], "sign": "-Z", "urgent": "", "limit": "", "note": ""}
    words, _ = equivalents(browser, path, {"sign": "O'XZ", **changed})
    assert f"--seen-revision={seen[1]}" in words and "--key" not in words
    hansa(server, *words[1:])
    edited = stored(server, "by form")
    assert (edited["sign"], edited["urgent"], edited["limit"]) == ("-Z", False, 10)
    for name in ("by form", "by command", "by call"):
        server.api("admin.outgoing.telegraph.delete", name=name)


def test_faults_are_said_before_a_command(browser: Browser) -> None:
    fields = {"name": "x", "extra": "{", "action": "command"}
    answer = browser.post(f"{STATION}/new", fields)
    assert answer.status_code == 422 and "is not valid JSON" in answer.text
    assert "As a call of the API" not in answer.text


def test_secrets_are_masked_at_any_depth_and_references_are_not() -> None:
    secret = {"type": "string", "writeOnly": True}
    user = {"type": "object", "properties": {"name": {"type": "string"}, "password": secret}}
    schema = Schema(
        {
            "type": "object",
            "properties": {
                "users": {"type": "array", "items": user},
                "keys": {"type": "object", "additionalProperties": secret},
                "name": {"type": "string"},
                "url": {"type": "string"},
            },
        },
        {},
    )
    data = {
        "users": [{"name": "ada", "password": "hidden"}, {"password": {"$env": "ADA"}}],
        "keys": {"a": "hidden"},
        "url": "--x",
    }
    found = masked(schema, data)
    assert found == {
        "users": [{"name": "ada", "password": "***"}, {"password": {"$env": "ADA"}}],
        "keys": {"a": "***"},
        "url": "--x",
    }
    command = command_of(["outgoing", "x", "edit"], "-name", schema, data)
    assert "hidden" not in command
    words = shlex.split(command)
    assert "--url=--x" in words and words[-2:] == ["--", "-name"]
