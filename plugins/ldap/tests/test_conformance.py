"""The type holds the contract of security types."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hansa_devkit import SecurityContract
from hansa_ldap.security import Ldap

from plugins.ldap.tests.slapd import Slapd


def basic(username: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


class TestLdap(SecurityContract):
    cls = Ldap
    right = basic("alice", "wonderland")
    wrong = [
        basic("alice", "wonderlan"),
        basic("alice", ""),
        basic("mallory", "wonderland"),
        {"authorization": "Bearer wonderland"},
        {"x-user": "alice"},
    ]

    @pytest.fixture(autouse=True)
    def _directory(self, directory: Slapd) -> None:
        self.good: Any = directory.settings()
