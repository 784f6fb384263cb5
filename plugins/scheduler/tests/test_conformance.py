"""The channel holds the contract of channels, as far as a clock can send messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hansa_devkit import ChannelContract, LocalServer
from hansa_scheduler.channel import ScheduleChannel

KEY = ("channel", "schedule", "conformance")


class TestSchedule(ChannelContract):
    cls = ScheduleChannel
    good = {"job_type": "one_time", "payload": '{"n": 1}', "retry_delay": 0.1, "max_attempts": 1000}
    headers = {"job": "conformance"}

    # a job sends its own message and no other, it needs two messages, and there is no load but the
    # clock's; see test_channel.py
    test_body_and_headers_arrive = None  # type: ignore[assignment] # left out
    test_a_swapped_dispatch_is_obeyed = None  # type: ignore[assignment] # left out
    test_an_edit_under_load_loses_nothing = None  # type: ignore[assignment] # left out

    @pytest.fixture(autouse=True)
    def _records(self, valkey, tmp_path):
        valkey.flushall()
        self.server = LocalServer(redis=valkey, directory=tmp_path, types=[ScheduleChannel])
        self.server.definitions.define(*KEY, {**self.settings(), "service": "echo"})

    def settings(self) -> dict[str, Any]:
        return {
            **super().settings(),
            "start": (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat(),
        }

    def send(self, raw: bytes) -> None:
        """The clock sends."""

    def same(self, request: Any, raw: bytes) -> bool:
        return request.raw == b'{"n": 1}'
