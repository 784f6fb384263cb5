"""How tests are shared among the processes of pytest-xdist.

The tests of a file run in one process, in their order, so that what they share is started once. A
few long files, whose tests share nothing, are split; and files that share a whole cluster stay
together. What takes longest begins, so that no process is left alone with it at the end: it is
known by the fixtures that a test uses. Such tests mostly wait, and those that start nothing keep
a processor busy; so one process in four begins with the latter, else the machine would be idle for
a third of the first half.

What the tests of a unit share is ended when their process goes on to another unit (`Shared`): a
server that nobody asks takes 1% of a processor.

This is a scheduler of its own since `--dist loadgroup` of pytest-xdist 3.8 ignores its groups with
pytest 9.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

Thing = TypeVar("Thing")

FROM_THE_END = 4
"""One process in so many takes the tests that start nothing first."""

SPLIT = re.compile(
    r"tests/scenarios/test_(bad_plugins|helpers|live_changes)\.py"
    r"|tests/cluster/test_(disk|partition)\.py"
    r"|plugins/quickstart/tests/test_(run|tutorial)\.py"
    r"|plugins/(ftp|limits|queue|sftp|sql|zeromq)/tests/test_server\.py"
    r"|plugins/jms/tests/test_outage\.py"
)
"""Files of which each test may run in a process of its own: it starts a server, or several, for
itself.
"""

TOGETHER = {
    "all plugins loaded": re.compile(r"tests/walls/test_(docs|reference|schemas)\.py"),
    "admin": re.compile(r"plugins/admin/tests/"),
    "cli": re.compile(r"plugins/cli/tests/"),
    "quickstart": re.compile(
        r"plugins/quickstart/tests/test_(https|life|rolling)\.py"
        r"|plugins/quickstart/tests/test_tutorial\.py::test_the_password"
    ),
    "cluster": re.compile(
        r"tests/cluster/test_(changes|deployment|idempotency|kills|pressure|restart|scheduler|stuck)\.py"
    ),
    "hosts": re.compile(r"tests/hosts/"),
    "RabbitMQ": re.compile(
        r"plugins/amqp/tests/|plugins/zato/tests/test_amqp\.py|tests/scenarios/test_everywhere\.py"
    ),
    "Swift, received": re.compile(r"plugins/swift/tests/test_(channel|segments)\.py"),
    "Swift, sent": re.compile(r"plugins/swift/tests/test_(keystone|outgoing|server)\.py"),
    "RabbitMQ, over AMQP 1.0": re.compile(
        r"plugins/jms/tests/test_(ends\.py"
        r"|(channel|contract|outgoing)\.py::.*(\[rabbit|OverAmqp|rabbitmq))"
    ),
    "ActiveMQ": re.compile(r"plugins/jms/tests/test_(channel|contract|outgoing)\.py"),
    "databases of definitions": re.compile(
        r"tests/odb/"
        r"|tests/core/odb/test_journal\.py"
        r"|plugins/(devkit|odb)/tests/test_servers\.py"
        r"|plugins/quickstart/tests/test_create_sql\.py"
    ),
    "databases of services": re.compile(
        r"plugins/sql/tests/test_(?!server)|plugins/zato/tests/test_sql\.py"
    ),
    "web": re.compile(r"plugins/web/tests/"),
    "zato services": re.compile(r"tests/scenarios/zato_services/"),
    "web cluster": re.compile(r"tests/web/"),
    "dependent cluster": re.compile(
        r"tests/cluster/test_(odb_outage|redis_outage)\.py|tests/cluster/test_partition\.py.*\["
    ),
}
"""Tests that share what is started or loaded once for all of them, by the name of that."""

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


def begins_at_the_end(process: str) -> bool:
    """Whether a process of pytest-xdist, by its name, takes the last unit of those that are left."""
    return (int(process.removeprefix("gw")) + 1) % FROM_THE_END == 0


class Shared:
    """What the tests of a unit share, by name: started by the first one that asks for it."""

    def __init__(self) -> None:
        self._found: dict[str, object] = {}
        self._ends = ExitStack()

    def get(self, name: str, start: Callable[[], AbstractContextManager[Thing]]) -> Thing:
        """Return what has a name; enter the context manager that makes it, if nobody has yet."""
        if name not in self._found:
            self._found[name] = self._ends.enter_context(start())
        return cast(Thing, self._found[name])

    def end(self) -> None:
        """Leave all context managers, the last one first."""
        self._found.clear()
        self._ends.close()


def scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return what hands units of tests to processes, in the order of the tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        """Units of tests, one after the other to the process that is free."""

        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

        def _assign_work_unit(self, node: WorkerController) -> None:
            if begins_at_the_end(node.gateway.id):
                self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
            super()._assign_work_unit(node)

    config.option.loadscopereorder = False
    return Scheduling(config, log)
