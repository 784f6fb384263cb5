"""Databases of each kind, and outgoing connections to them that are stopped at the end."""

from __future__ import annotations

import pytest
from hansa_devkit import LocalServer

from plugins.sql.tests.support import SERVERS, make, new_database


@pytest.fixture(params=list(SERVERS))
def engine(request):
    """One after another."""
    return request.param


@pytest.fixture
def settings(real_server, engine, tmp_path):
    """The settings for a new, empty database."""
    return new_database(real_server, engine, tmp_path)


@pytest.fixture
def connect(settings):
    """Start outgoing connections to the database; `connect(setting=...)` changes settings."""
    server, made = LocalServer(), []

    def start(**changes):
        made.append(make(server, **{**settings, **changes}))
        made[-1].start()
        return made[-1]

    yield start
    for outgoing in made:
        outgoing.stop()


@pytest.fixture
def db(connect):
    """An outgoing connection to an empty database."""
    return connect()
