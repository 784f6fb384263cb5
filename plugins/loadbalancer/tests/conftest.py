"""Fixtures: load-balancers on each HAProxy there is, and backends behind them."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.loadbalancer.tests.support import PROGRAMS, Backend, RunningBalancer


@pytest.fixture
def program(request):
    """The HAProxy that would be found; with the mark `both`, the machine's and then the wheel's,
    which is always there.
    """
    name = getattr(request, "param", next(iter(PROGRAMS)))
    if name not in PROGRAMS and name == "machine":
        pytest.skip("there is no haproxy on this machine")
    return PROGRAMS[name]


@pytest.fixture
def backends():
    """Two backends."""
    made = [Backend("one"), Backend("two")]
    yield made
    for backend in made:
        backend.stop()


@pytest.fixture(scope="module")
def shared_backends():
    """Two backends for all tests of a file that do nothing to them."""
    made = [Backend("one"), Backend("two")]
    yield made
    for backend in made:
        backend.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory, shared_backends):
    """A load-balancer before both, as it is by default, for tests that only send requests."""
    folder = tmp_path_factory.mktemp("shared")
    servers = {each.name: each.address for each in shared_backends}
    balancer = RunningBalancer(folder, next(iter(PROGRAMS.values())), servers)
    try:
        yield balancer.start()
        balancer.stop()
    finally:
        balancer.kill()


@pytest.fixture
def start(tmp_path, program, backends):
    """Make load-balancers, by default before both backends; they are ended, and looked after, at
    the end.
    """
    made: list[Any] = []

    def make(servers=None, *, run=True, **settings):
        servers = {each.name: each.address for each in backends} if servers is None else servers
        # the folder's path is longer than the address of a socket may be
        folder = tmp_path / f"balancer{len(made)}" / ("deep" * 30)
        balancer = RunningBalancer(folder, settings.pop("haproxy", program), servers, **settings)
        made.append(balancer)
        return balancer.start() if run else balancer

    yield make
    try:
        for balancer in made:
            if balancer.process is not None and balancer.process.poll() is None:
                balancer.stop()
    finally:
        for balancer in made:
            balancer.kill()
