"""Which walls hold today: some bound what is still being rebuilt."""

from __future__ import annotations

import os

import pytest

# True: tests marked with `rebuilt` run like all others. Until then only HANSA_WALLS=all runs them.
REBUILT = True


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "rebuilt: holds once the rebuilding of the source is done")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what does not hold yet."""
    if REBUILT or os.environ.get("HANSA_WALLS") == "all":
        return
    for item in items:
        if item.get_closest_marker("rebuilt"):
            item.add_marker(pytest.mark.skip(reason="the source is being rebuilt"))
