"""The pytest plugin: readable failures in the contracts, whether each type of a plugin is tested by
one, real servers, and the mark by which tests count for a quality level.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from .servers import RealServer

    Server = TypeVar("Server", bound=RealServer)

pytest.register_assert_rewrite(
    "hansa_devkit.contract",
    "hansa_devkit.channel_contract",
    "hansa_devkit.outgoing_contract",
    "hansa_devkit.format_contract",
    "hansa_devkit.security_contract",
)
EVIDENCE = (
    "evidence(kind, ...): what the test is evidence of for the quality level of its plugin: "
    "real_server, tls, kills or benchmark"
)
HOOKS = ("hansa_transports", "hansa_formats", "hansa_security")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--hansa-types`."""
    parser.getgroup("hansa").addoption(
        "--hansa-types",
        metavar="MODULE",
        default="",
        help="fail unless a contract class of hansa-devkit tests each type of this plugin module",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark `evidence`."""
    config.addinivalue_line("markers", EVIDENCE)


def types_of(module: str) -> list[Any]:
    """Return the types that a plugin module adds by its hooks."""
    loaded = importlib.import_module(module)
    return [cls for hook in HOOKS if hasattr(loaded, hook) for cls in getattr(loaded, hook)()]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a run that leaves out a type, if `--hansa-types` asks for it."""
    module = config.getoption("--hansa-types")
    if not module:
        return
    from .contract import Documented

    homes = {getattr(item, "cls", None) for item in items}
    tested = {home.cls for home in homes if isinstance(home, type) and issubclass(home, Documented)}
    missing = [f"{cls.kind} {cls.type}" for cls in types_of(module) if cls not in tested]
    if missing:
        raise pytest.UsageError(f"no contract class of hansa-devkit tests: {', '.join(missing)}")


@pytest.fixture(scope="session")
def real_server() -> Iterator[Callable[[type[Server]], Server]]:
    """Return the one server of a class that the run shares, started again if a test has ended it."""
    running: dict[type[RealServer], RealServer] = {}

    def give(cls: type[Server]) -> Server:
        server = running.get(cls) or running.setdefault(cls, cls())
        assert isinstance(server, cls)
        return server if server.is_running() else server.start()

    yield give
    for server in running.values():
        server.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which real servers were used, and of which version."""
    servers = sys.modules.get("hansa_devkit.servers")
    if servers is not None and servers.used:
        used = ", ".join(f"{name} {version}" for name, version in sorted(servers.used.items()))
        terminalreporter.write_line(f"real servers: {used}")
