"""What a worker reads of the change log, and when."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hansa.cluster.odb_watch import OdbWatch
from hansa.process.follower import Follower
from hansa.runtime.server import WorkerServer

from tests.core.cluster.test_odb_watch import start


def test_the_log_is_read_only_where_something_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database, keys = start(tmp_path)
    watch = OdbWatch(database, tmp_path, keys)
    server = cast(WorkerServer, SimpleNamespace(keys=keys, worker=1))
    follower = Follower(server, database, nullcontext, lambda event, **told: None, watch)
    read: list[int] = []
    changes = database.changes

    def noted(after: int) -> list[Any]:
        read.append(after)
        return changes(after)

    monkeypatch.setattr(database, "changes", noted)
    watch.fault()
    assert follower._changes() == [] and read == []
    database.log_action("plugin", "x", "reload")
    watch.fault()
    assert [change.name for change in follower._changes()] == ["x"] and read == [0]
    follower.revision = 1
    assert follower._changes() == [] and read == [0]
    (tmp_path / "odb.sqlite").rename(tmp_path / "away")
    watch.fault()
    assert watch.revision is None and len(read) == 1
