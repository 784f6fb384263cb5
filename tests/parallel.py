"""How tests are shared among the processes of pytest-xdist (`--dist loadgroup`).

Tests that share a fixture of a file, of a package or of the whole run stay in one process, in the order of their file, so
that a server is started once for them; every other test goes to the process that is free first. What takes longest begins,
so that no process is left alone with it at the end: it is known by the fixtures that a test uses.
"""

from __future__ import annotations

import pytest

SLOWEST_FIRST = (
    "shared_cluster",
    "dependent_clusters",
    "made",
    "make_cluster",
    "shared",
    "results",
    "start_shared_server",
    "start_server",
    "start_probed",
    "running",
    "real_server",
)
"""Fixtures that start something, those of the slowest tests first."""

ACROSS_FILES = {"dependent_clusters", "shared", "shared_cluster"}
"""Fixtures that tests of several files share: so expensive that one process alone may make them."""

FREE = {
    "api_error",
    "examples",
    "hansa",
    "hookmaker",
    "plain",
    "pytestconfig",
    "start_feed",
    "start_probed",
    "start_program",
    "tmp_path_factory",
    "until",
    "wait",
    "worker_id",
}
"""Fixtures of a wide scope that cost nothing, which hence do not keep tests together."""


def order_and_group(items: list[pytest.Item]) -> None:
    """Sort tests, those of one group together, and mark groups for pytest-xdist."""
    ranks: dict[str, int] = {}
    for item in items:
        group = group_of(item)
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
        key = group or item.nodeid
        ranks[key] = min(rank_of(item), ranks.get(key, len(SLOWEST_FIRST)))
    items.sort(key=lambda item: ranks[group_of(item) or item.nodeid])


def rank_of(item: pytest.Item) -> int:
    """Return the place of a test in the order: the lower, the earlier."""
    places = [SLOWEST_FIRST.index(name) for name in fixtures_of(item) if name in SLOWEST_FIRST]
    return min(places, default=len(SLOWEST_FIRST))


def group_of(item: pytest.Item) -> str:
    """Return the name of the group that a test belongs to; empty if it may run anywhere."""
    marked = item.get_closest_marker("xdist_group")
    if marked is not None:
        return str(marked.args[0])
    shared = wide_fixtures(item)
    across = sorted(shared & ACROSS_FILES)
    if across:
        return across[0]
    if not shared:
        return ""
    folder = item.path.parent.parent.name if item.path.parent.name == "tests" else ""
    return f"{folder or item.path.parent.name}/{item.path.stem}"


def wide_fixtures(item: pytest.Item) -> set[str]:
    """Return the names of those fixtures of a test that other tests share, and that cost something."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs if info else {}
    return {
        name
        for name, found in definitions.items()
        if name not in FREE and not name.startswith("_") and found[-1].scope != "function"
    }


def fixtures_of(item: pytest.Item) -> list[str]:
    """Return the names of the fixtures that a test uses, directly or through others."""
    return list(getattr(item, "fixturenames", ()))
