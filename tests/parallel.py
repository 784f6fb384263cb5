"""How tests are shared among the processes of pytest-xdist.

The tests of a file run in one process, in their order, so that what they share is started once. A
few long files, whose tests share nothing, are split; and files that share a whole cluster stay
together. What takes longest begins, so that no process is left alone with it at the end: it is
known by the fixtures that a test uses.

This is a scheduler of its own since `--dist loadgroup` of pytest-xdist 3.8 ignores its groups with
pytest 9.2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

SPLIT = re.compile(
    r"tests/scenarios/test_(bad_plugins|helpers|live_changes)\.py"
    r"|tests/cluster/test_(disk|partition)\.py"
    r"|plugins/quickstart/tests/test_(run|tutorial)\.py"
    r"|plugins/(ftp|limits|queue|sftp|sql|zeromq)/tests/test_server\.py"
)
"""Files of which each test may run in a process of its own: it starts a server, or several, for
itself.
"""

TOGETHER = {
    "quickstart": re.compile(
        r"plugins/quickstart/tests/test_(life|rolling)\.py"
        r"|plugins/quickstart/tests/test_tutorial\.py::test_the_password"
    ),
    "cluster": re.compile(
        r"tests/cluster/test_(changes|deployment|idempotency|kills|pressure|restart|scheduler|stuck)\.py"
    ),
    "RabbitMQ": re.compile(
        r"plugins/amqp/tests/|plugins/zato/tests/test_amqp\.py|tests/scenarios/test_everywhere\.py"
    ),
    "databases of definitions": re.compile(
        r"tests/odb/"
        r"|plugins/(devkit|odb)/tests/test_servers\.py"
        r"|plugins/quickstart/tests/test_create_sql\.py"
    ),
    "databases of services": re.compile(
        r"plugins/sql/tests/test_(?!server)|plugins/zato/tests/test_sql\.py"
    ),
    "dependent cluster": re.compile(
        r"tests/cluster/test_(odb_outage|redis_outage)\.py|tests/cluster/test_partition\.py.*\["
    ),
}
"""Tests that share servers which are started once for all of them, by the name of those."""

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


def unit_of(test: str) -> str:
    """Return the name of what a test, given by its node id, cannot be separated from."""
    for name, tests in TOGETHER.items():
        if tests.match(test):
            return name
    if SPLIT.match(test):
        return test
    return test.partition("::")[0]


def order(items: list[pytest.Item]) -> None:
    """Sort tests, those of one unit together, the slowest units first."""
    ranks: dict[str, int] = {}
    for item in items:
        unit = unit_of(item.nodeid)
        ranks[unit] = min(rank_of(item), ranks.get(unit, len(SLOWEST_FIRST)))
    # what shares servers is many tests in one process
    ranks.update(dict.fromkeys(TOGETHER, 0))
    items.sort(key=lambda item: ranks[unit_of(item.nodeid)])


def rank_of(item: pytest.Item) -> int:
    """Return the place of a test in the order: the lower, the earlier."""
    used = getattr(item, "fixturenames", ())
    places = [SLOWEST_FIRST.index(name) for name in used if name in SLOWEST_FIRST]
    return min(places, default=len(SLOWEST_FIRST))


def scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return what hands units of tests to processes, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        """Units of tests, one after the other to the process that is free."""

        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
