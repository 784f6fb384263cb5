"""What tests of connectors have in common that run against one real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from hansa_devkit import LocalServer


class OnPeer:
    """Tests against one real server, given by `make_peer`, that is started anew for each class.

    It has `settings`, those of a definition that reach it; `clear` makes it empty for each test.
    """

    make_peer: ClassVar[Any] = None
    _peer: ClassVar[Any] = None
    server: LocalServer

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _one_server(cls):
        with cls.make_peer() as cls._peer:
            yield

    @pytest.fixture(autouse=True)
    def _empty(self):
        self._peer.resume()
        if not self._peer.is_running():
            self._peer.start()
        self.clear()

    def clear(self) -> None:
        """Make the server empty."""
        self.peer.clear()

    @property
    def peer(self):
        return self._peer

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), **self.peer.settings}

    def peer_down(self) -> None:
        self.peer.kill()

    def peer_up(self) -> None:
        self.peer.start()

    @contextmanager
    def peer_hangs(self):
        self.peer.pause()
        try:
            yield
        finally:
            self.peer.resume()

    @contextmanager
    def other_password(self, password: str = "another") -> Iterator[None]:
        """A context in which the server knows another password."""
        right = self.peer.password
        self.peer.stop()
        self.peer.password = password
        self.peer.start()
        try:
            yield
        finally:
            self.peer.stop()
            self.peer.password = right
            self.peer.start()
