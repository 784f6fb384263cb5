"""The server that all tests of the folder share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.parallel import Shared
from tests.scenarios.zato_services.servers import World, world


@pytest.fixture(scope="module")
def zato(
    tmp_path_factory: pytest.TempPathFactory, of_unit: Shared, real_server: Callable[..., Any]
) -> World:
    """The running server, and what it talks to."""
    folder = tmp_path_factory.mktemp("zato")
    return of_unit.get("zato services", lambda: world(folder, real_server))
