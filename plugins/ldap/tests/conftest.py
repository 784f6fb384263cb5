"""The directory that the tests share."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.ldap.tests.slapd import Slapd


@pytest.fixture(scope="session")
def directory(real_server: Any) -> Slapd:
    """A slapd that runs."""
    found: Slapd = real_server(Slapd)
    return found
