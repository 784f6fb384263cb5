"""The servers that tests share: Swift's storage, started once for the run, and a proxy for each class."""

from __future__ import annotations

import pytest

from plugins.swift.tests.swift_server import Storage, Swift


@pytest.fixture(scope="session")
def swift_storage(real_server):
    """The running storage, without a proxy."""
    return real_server(Storage)


@pytest.fixture(scope="module")
def peer(swift_storage):
    """A running proxy, for the tests of a file."""
    with Swift(swift_storage) as peer:
        yield peer
