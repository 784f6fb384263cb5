"""The arguments of `quickstart create`, in today's order and in that of older versions."""

from __future__ import annotations

import click
import pytest
from hansa_quickstart.arguments import Backends, DatabaseOptions, read_arguments

OPTIONS = DatabaseOptions()
GIVEN = DatabaseOptions(user="u", name="d")


@pytest.mark.parametrize(
    ("words", "options", "read"),
    [
        ("", OPTIONS, Backends("sqlite", OPTIONS)),
        ("sqlite", OPTIONS, Backends("sqlite", OPTIONS)),
        ("sqlite localhost 6379", OPTIONS, Backends("sqlite", OPTIONS, "localhost", 6379)),
        ("postgresql", GIVEN, Backends("postgresql", GIVEN)),
        ("mysql 10.0.0.5 6380", GIVEN, Backends("mysql", GIVEN, "10.0.0.5", 6380)),
        ("mysql db 3307 u d", OPTIONS, Backends("mysql", DatabaseOptions("db", 3307, "u", "d"))),
        (
            "postgresql db 5432 zato1 zato2 localhost 6379",
            OPTIONS,
            Backends(
                "postgresql", DatabaseOptions("db", 5432, "zato1", "zato2"), "localhost", 6379
            ),
        ),
    ],
)
def test_arguments_that_are_understood(words, options, read):
    assert read_arguments(tuple(words.split()), options) == read


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("oracle", "'oracle'"),
        ("sqlite localhost", "REDIS_HOST REDIS_PORT"),
        ("sqlite localhost port", "'port'"),
        ("sqlite localhost 70000", "'70000'"),
        ("postgresql", "--odb_user, --odb_db_name"),
        ("postgresql db 5432 u d localhost", "REDIS_HOST REDIS_PORT"),
    ],
)
def test_arguments_that_are_not(words, named):
    with pytest.raises(click.UsageError, match=named):
        read_arguments(tuple(words.split()), OPTIONS)
