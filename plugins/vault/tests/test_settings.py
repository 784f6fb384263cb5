"""Tests of hansa_vault.settings."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import Invalid, load
from hansa_vault.settings import VaultSection

ADDRESS = "https://vault.example.com:8200"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"address": ADDRESS, "token": "t"},
        {"address": ADDRESS, "role_id": "r", "secret_id": "s"},
        {"address": ADDRESS, "kubernetes_role": "r", "mount": "kv/orders"},
    ],
)
def test_good_settings(settings: dict[str, Any]):
    load(VaultSection, settings)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        (
            {"address": ADDRESS},
            {"token": "required, or role_id and secret_id, or kubernetes_role"},
        ),
        ({"token": "t"}, {"address": "required"}),
        (
            {"address": "http://vault.example.com", "token": "t"},
            {"address": "must begin with https://, since secrets come from it"},
        ),
        (
            {"address": ADDRESS, "token": "t", "kubernetes_role": "r"},
            {"kubernetes_role": "excludes token: there is one way to log in"},
        ),
        (
            {"address": ADDRESS, "role_id": "r"},
            {"secret_id": "required: role_id and secret_id log in together"},
        ),
        (
            {"address": ADDRESS, "token": "t", "tls_ca": "/not/there"},
            {"tls_ca": "there is no file /not/there"},
        ),
        (
            {"address": ADDRESS, "token": "t", "mount": "/kv"},
            {"mount": "Expected `str` matching regex '^[^/?#]+(/[^/?#]+)*$'"},
        ),
    ],
)
def test_faults_are_named(settings: dict[str, Any], faults: dict[str, str]):
    with pytest.raises(Invalid) as caught:
        load(VaultSection, settings)
    assert caught.value.errors == faults
