"""The programs that are there to test against, and one running engine of each."""

from __future__ import annotations

import shutil

import pytest
from hansa_redis.engine import Valkey, find_program

from plugins.redis.tests.support import end, launch

PROGRAMS = {"valkey": find_program(), "redis": shutil.which("redis-server")}


@pytest.fixture(scope="session", params=["valkey", "redis"])
def program(request):
    """Valkey from the wheel, then the distribution's Redis."""
    found = PROGRAMS[request.param]
    if found is None:
        pytest.skip("there is no redis-server here")
    return found


@pytest.fixture(scope="session")
def address(program, tmp_path_factory):
    """The address of a running engine, shared by tests that do not mind each other's keys."""
    engine = Valkey(tmp_path_factory.mktemp("e"), program=program, durability="fast")
    process = launch(engine)
    yield engine.address
    end(process)
    engine.close()
