"""A server takes as many open files as it needs, and tells when the system allows too few."""

from __future__ import annotations

import logging
import resource

import pytest
from hansa.process.supervisor import ENOUGH_FILES, _allow_open_files

NO_LIMIT = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "taken", "told"),
    [
        ((128, 128), 128, True),
        ((128, 1024), 1024, True),
        ((1024, 524288), ENOUGH_FILES, False),
        ((1024, NO_LIMIT), ENOUGH_FILES, False),
        ((65536, 65536), 0, False),
        ((NO_LIMIT, NO_LIMIT), 0, False),
    ],
)
def test_open_files(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    limits: tuple[int, int],
    taken: int,
    told: bool,
):
    found: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: found.append(new[0]))
    caplog.set_level(logging.WARNING)
    _allow_open_files()
    assert found == ([taken] if taken else [])
    assert (f"only {taken} open files are allowed" in caplog.text) == told
