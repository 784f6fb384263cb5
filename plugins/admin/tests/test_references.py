"""Faults of settings before they are stored, defaults, and what a definition names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from hansa import Invalid, Model, Secret, setting
from hansa_admin.references import (
    completed,
    has_reference,
    named_by,
    secret_names,
    setting_faults,
    shortened,
)
from hypothesis import given, strategies as st


class Retry(Model):
    times: Annotated[int, setting("How often", ge=0)] = 3
    through: Annotated[str, setting("Proxy", refers="outgoing http")] = ""


class Settings(Model):
    host: Annotated[str, setting("Host", min_length=2)]
    port: Annotated[int, setting("Port", ge=1, le=65535)] = 80
    password: Annotated[Secret | None, setting("Password", min_length=None)] = None
    service: Annotated[str, setting("Service", refers="service")] = ""
    security: Annotated[str | list[str] | None, setting("Security", refers="security")] = None
    retry: Annotated[Retry, setting("Retries")] = Retry()
    several: Annotated[list[Retry], setting("Many")] = []

    def check(self) -> None:
        if self.host == "nowhere":
            raise Invalid({"host": "is nowhere"})


def test_all_faults_come_at_once_by_path() -> None:
    data = {"host": "x", "port": 0, "retry": {"times": -1, "time": 1}, "hots": 1}
    assert set(setting_faults(Settings, data)) == {
        "host",
        "port",
        "retry.times",
        "retry.time",
        "hots",
    }
    assert "did you mean host" in setting_faults(Settings, data)["hots"]


def test_what_is_missing_is_a_fault_only_in_a_whole_definition() -> None:
    assert setting_faults(Settings, {}) == {"host": "required, and missing"}
    assert setting_faults(Settings, {}, partial=True) == {}


def test_rules_across_settings_are_checked() -> None:
    assert setting_faults(Settings, {"host": "nowhere"}) == {"host": "is nowhere"}


def test_references_stand_for_values_of_any_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_PORT", "8080")
    monkeypatch.setenv("A_BAD_PORT", "80800")
    (tmp_path / "host").write_text("example.com\n")
    good = {
        "host": {"$file": str(tmp_path / "host")},
        "port": {"$env": "A_PORT"},
        "password": {"$encrypted": "token"},
    }
    assert setting_faults(Settings, good) == {}
    bad = {
        "host": {"$file": str(tmp_path / "none")},
        "port": {"$env": "A_BAD_PORT"},
        "password": {"$env": "NOT_SET_AT_ALL"},
    }
    found = setting_faults(Settings, bad)
    assert set(found) == {"host", "port", "password"}
    assert "NOT_SET_AT_ALL" in found["password"]
    assert "cannot read" in found["host"]


def test_what_a_definition_names() -> None:
    data = {
        "host": "example.com",
        "service": "a.b",
        "security": ["one", "two"],
        "retry": {"through": "proxy"},
        "several": [{}, {"through": "other"}],
    }
    found = {(n.setting, n.kind, n.type, n.name) for n in named_by(Settings, data)}
    assert found == {
        ("service", "service", "", "a.b"),
        ("security", "security", "", "one"),
        ("security", "security", "", "two"),
        ("retry.through", "outgoing", "http", "proxy"),
        ("several[1].through", "outgoing", "http", "other"),
    }
    assert list(named_by(Settings, {"host": "x", "service": "", "security": None})) == []


def test_secrets_are_known_by_name() -> None:
    assert secret_names(Settings) == {"password"}


@given(st.booleans(), st.integers(1, 65535), st.integers(0, 5), st.sampled_from(["", "proxy"]))
def test_shortening_and_completing_undo_each_other(
    given_port: bool, port: int, times: int, through: str
) -> None:
    data = {"host": "example.com", "retry": {"times": times, "through": through}} | (
        {"port": port} if given_port else {}
    )
    short = shortened(Settings, data)
    assert completed(Settings, short) == completed(Settings, data)
    assert list(short) == sorted(short)
    assert shortened(Settings, completed(Settings, data)) == short
    assert ("port" in short) == (given_port and port != 80)


def test_partly_given_models_are_completed() -> None:
    assert completed(Settings, {"host": "ab", "retry": {"times": 4}})["retry"] == {
        "times": 4,
        "through": "",
    }


def test_references_are_found_at_any_depth() -> None:
    assert has_reference({"a": [{"b": {"$env": "X"}}]})
    assert not has_reference({"a": [{"b": "$env"}], "$env": 1, "c": 2})
