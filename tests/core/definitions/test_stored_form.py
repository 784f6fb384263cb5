"""Tests of hansa.definitions.stored_form: which references settings hold."""

from __future__ import annotations

import pytest
from hansa.definitions.stored_form import is_looked_up, refers_to


@pytest.mark.parametrize(
    "settings",
    [
        {"password": {"$vault": "a#b"}},
        {"tls": {"key": {"$vault": "a#b"}}},
        {"hosts": ["x", {"$vault": "a#b"}]},
        {"headers": {"a": [{"b": {"$vault": "a#b"}}]}},
    ],
)
def test_a_reference_is_found_wherever_it_stands(settings):
    assert refers_to(settings, "vault", "a#b")
    assert is_looked_up(settings)
    assert not refers_to(settings, "vault", "a#c")
    assert not refers_to(settings, "env", "a#b")


@pytest.mark.parametrize(
    "settings",
    [{}, {"password": "$vault"}, {"a": {"$vault": "a#b", "c": 1}}, {"a": {"$encrypted": "a#b"}}],
)
def test_what_is_no_such_reference_is_none(settings):
    assert not refers_to(settings, "vault", "a#b")
    assert not is_looked_up(settings)
