"""Logins that security definitions supply to connections."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import HansaError, Security, load
from hansa_devkit import LocalServer
from hansa_security.apikey import ApiKey
from hansa_security.basic import Basic
from hansa_security.bearer import Bearer

TOKEN = "Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP-_xyz"
GIVEN: list[tuple[Any, dict[str, object]]] = [
    (Basic, {"username": "ada", "password": "engine no. 1"}),
    (Bearer, {"tokens": [TOKEN, TOKEN[::-1]]}),
    (ApiKey, {"key": TOKEN}),
]


def make(cls: Any, **settings: object) -> Security[Any]:
    found: Security[Any] = cls("partner", cls.prepare(load(cls.Config, settings)), LocalServer())
    return found


@pytest.mark.parametrize(("cls", "settings"), GIVEN)
def test_one_that_signs_supplies_its_login(cls, settings):
    login = make(cls, **settings, signs=True).login()
    if cls is Basic:
        assert (login.means, login.username, login.password) == ("password", "ada", "engine no. 1")
    else:
        assert (login.means, login.token, login.username) == ("token", TOKEN, "")
    assert "engine" not in repr(login) and TOKEN not in repr(login)


@pytest.mark.parametrize(("cls", "settings"), GIVEN)
def test_one_that_keeps_a_hash_says_which_setting_to_change(cls, settings):
    with pytest.raises(HansaError, match=r"partner neither signs .* its setting signs is off"):
        make(cls, **settings).login()
