"""What every test may use: real servers of its own or of its file; and how tests are shared among processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hansa_devkit.harness.api_server import RunningServer, servers

from tests.parallel import order_and_group


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and keep together what shares a server."""
    order_and_group(items)


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
