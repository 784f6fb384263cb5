"""What every test may use: real servers of its own or of its file; and how tests are shared among
processes.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import Any

import argon2
import pytest
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.server import ServerProcess
from hansa_security import credential
from hypothesis import HealthCheck, Phase, settings

from tests.parallel import Shared, order, scheduler, unit_of

# on a busy machine, even a small example may take a second to be made
UNHURRIED = [HealthCheck.too_slow]
# half of what hypothesis tries by itself: each run tries others
settings.register_profile("quick", max_examples=50, deadline=None, suppress_health_check=UNHURRIED)
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, suppress_health_check=UNHURRIED
)
# for broken types whose defects are counted: nobody reads the smallest example of each
settings.register_profile(
    "counting",
    settings.get_profile("quick"),
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile("quick")


SHARED = pytest.StashKey[Shared]()

LOGGERS_OF_OBJECTS = ("hansa.channel.", "hansa.outgoing.", "hansa.security.", "hansa.service.")
"""Prefixes of the loggers that each object has, named after it."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the place for what the tests of a unit share; have servers be forked, and a run that is
    asked to end leave none behind.
    """
    ServerProcess.forked = True
    interrupt_at_sigterm()
    shared = Shared()
    config.stash[SHARED] = shared
    config.add_cleanup(shared.end)  # if the run is broken off


def interrupt_at_sigterm() -> None:
    """Have SIGTERM break off this run as Ctrl-C does, which ends what the tests have started; what
    they fork it ends as ever.
    """
    run = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() == run:
            raise KeyboardInterrupt
        os.kill(os.getpid(), number)

    default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if default and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for no garbage in what is collected: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write what a test has logged with the escapes of lone surrogates: a process of pytest-xdist
    cannot send them, and would end.
    """
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """End what the tests of a unit share after the last one of them."""
    try:
        yield
    finally:
        if nextitem is None or unit_of(nextitem.nodeid) != unit_of(item.nodeid):
            item.config.stash[SHARED].end()
            forget_loggers_of_objects()


def forget_loggers_of_objects() -> None:
    """Have the logging module forget the loggers of objects that are gone.

    pytest looks through all loggers six times for each test, and tests make objects by the thousand.
    """
    known = logging.getLogger().manager.loggerDict
    for name in list(known):
        if name.startswith(LOGGERS_OF_OBJECTS):
            del known[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and keep together what shares a server."""
    order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share tests among processes as tests/parallel.py describes it."""
    return scheduler(config, log)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a parameter that is binary data by its argument: compressed bytes may hold the time, and
    every process must find the same names.
    """
    return argname if isinstance(val, bytes) and not val.isascii() else None


@pytest.fixture(scope="session")
def of_unit(pytestconfig: pytest.Config) -> Shared:
    """What the tests of a unit share; see tests/parallel.py."""
    return pytestconfig.stash[SHARED]


HASHER = credential._hasher
"""What hashes passwords in a server, at the cost that is agreed on."""


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Hash passwords at the lowest cost that argon2 has, in the process of the tests: some thousand
    of them take 40 ms each otherwise. Servers are processes of their own.
    """
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credential, "_hasher", cheap)
        yield


@pytest.fixture
def agreed_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords at the cost that a server has, for tests that are about it."""
    monkeypatch.setattr(credential, "_hasher", HASHER)


@pytest.fixture
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., RunningServer]]:
    """Make servers for one test."""
    with servers(tmp_path_factory.mktemp("servers")) as make:
        yield make


@pytest.fixture(scope="module")
def start_shared_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., RunningServer]]:
    """Make servers for a whole file of tests."""
    with servers(tmp_path_factory.mktemp("servers")) as make:
        yield make
