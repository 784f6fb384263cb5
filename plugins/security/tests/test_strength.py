"""Secrets of callers that are guessed first are refused when they are set."""

from __future__ import annotations

import logging

import pytest
from hansa import Invalid, load
from hansa_devkit.local import LocalServer
from hansa_security.apikey import ApiKey, ApiKeySettings
from hansa_security.basic import Basic, BasicSettings
from hansa_security.bearer import Bearer, BearerSettings
from hansa_security.credential import hash_password
from hansa_security.early import SecuritySection
from hansa_security.strength import Requirements, requirements
from hansa_security.throttle import Throttle


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        ("x", "at least 8 characters"),
        ("1234567", "at least 8 characters"),
        ("Password1", "guessed first"),
        ("aaaaaaaabbb", "different characters"),
        ("Somebody2026!", "the user name"),
        ("ydobemos", "the user name"),
        ("analytical-engine", ""),
        ("tr0ub4dor&3", ""),
        ("ключ от дома", ""),
        pytest.param(str(hash_password("x")), "", id="a hash"),
    ],
)
def test_what_is_refused(secret, fault):
    found = Requirements().fault_of(secret, "somebody")
    assert fault in found
    assert bool(fault) == bool(found)
    assert not found or "security.minimum_secret" in found


@pytest.fixture
def required():
    """The requirements of this process, put back at the end."""
    yield requirements
    requirements.apply(SecuritySection())


def test_the_length_is_a_setting_and_zero_only_warns(required):
    required.apply(SecuritySection(minimum_secret=20))
    assert "at least 20" in required.fault_of("analytical-engine")
    required.apply(SecuritySection(minimum_secret=0))
    assert not required.fault_of("x")


def test_a_worker_requires_what_the_section_says(required):
    server = LocalServer(sections={"security": SecuritySection(minimum_secret=20)})
    server.resource(Throttle)
    assert "at least 20" in required.fault_of("analytical-engine")


def test_each_type_says_which_setting_is_too_weak():
    basic = load(BasicSettings, {"username": "ada", "password": "x"})
    with pytest.raises(Invalid) as caught:
        Basic.prepare(basic)
    assert set(caught.value.errors) == {"password"}
    with pytest.raises(Invalid) as caught:
        ApiKey.prepare(load(ApiKeySettings, {"key": "abc"}))
    assert set(caught.value.errors) == {"key"}
    with pytest.raises(Invalid) as caught:
        Bearer.prepare(load(BearerSettings, {"tokens": ["analytical-engine", "abc", "x"]}))
    assert set(caught.value.errors) == {"tokens[1]", "tokens[2]"}


def test_what_a_partner_has_chosen_is_only_warned_of(caplog):
    given = {"username": "ada", "password": "x", "signs": True}
    config = Basic.prepare(load(BasicSettings, given))
    with caplog.at_level(logging.WARNING, "hansa.security"):
        Basic("partner", config, LocalServer())
    assert "a secret of the security definition partner is weak" in caplog.text
    assert "'x'" not in caplog.text
