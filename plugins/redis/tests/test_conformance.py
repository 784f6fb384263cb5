"""The outgoing connection holds the contract of outgoing connections, with a real server that is
killed, frozen and restarted.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import Any

import pytest
from hansa_devkit import OutgoingContract
from hansa_redis.engine import Valkey
from hansa_redis.outgoing import RedisOutgoing

from plugins.redis.tests.support import end, launch


class TestRedis(OutgoingContract):
    cls = RedisOutgoing
    good = {"db": 1}

    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path, program):
        self.engine = Valkey(tmp_path, program=program, durability="fast")
        self.process = launch(self.engine)
        yield
        end(self.process)
        self.engine.close()

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "address": f"unix://{self.engine.socket_path}",
            "password": self.engine.password,
        }

    def use(self, outgoing: Any) -> None:
        assert outgoing.set("key", "value")
        assert outgoing.get("key") == "value"

    def peer_down(self) -> None:
        self.process.kill()
        self.process.wait()

    def peer_up(self) -> None:
        self.process = launch(self.engine)

    @contextmanager
    def peer_hangs(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)
