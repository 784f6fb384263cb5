"""The pytest plugin: readable failures in the contracts, and the question whether each type of a plugin is tested by one."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

pytest.register_assert_rewrite(
    "hansa_devkit.contract",
    "hansa_devkit.channel_contract",
    "hansa_devkit.outgoing_contract",
    "hansa_devkit.format_contract",
    "hansa_devkit.security_contract",
)
HOOKS = ("hansa_transports", "hansa_formats", "hansa_security")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--hansa-types`."""
    parser.getgroup("hansa").addoption(
        "--hansa-types",
        metavar="MODULE",
        default="",
        help="fail unless each type that this plugin module gives is tested by a contract class of hansa-devkit",
    )


def types_of(module: str) -> list[Any]:
    """The types that a plugin module gives through its hooks."""
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
