"""What tests of both types have in common: one proxy for each class, over the storage that all share."""

from __future__ import annotations

import pytest

from plugins.connect.tests.on_peer import OnPeer
from plugins.swift.tests.swift_server import Swift


class OnSwift(OnPeer):
    """Tests against one proxy."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _one_server(cls, swift_storage):
        with Swift(swift_storage) as cls._peer:
            yield
