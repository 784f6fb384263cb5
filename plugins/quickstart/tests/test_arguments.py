"""The words of `quickstart create`, in today's order and in that of older versions."""

from __future__ import annotations

import click
import pytest
from hansa_quickstart.arguments import Asked, read_words

OPTIONS = {"odb_host": "localhost", "odb_port": None, "odb_user": "", "odb_db_name": ""}
GIVEN = {**OPTIONS, "odb_user": "u", "odb_db_name": "d"}


@pytest.mark.parametrize(
    ("words", "options", "asked"),
    [
        ("", OPTIONS, Asked("sqlite", "localhost", None, "", "", "", 0)),
        ("sqlite", OPTIONS, Asked("sqlite", "localhost", None, "", "", "", 0)),
        (
            "sqlite localhost 6379",
            OPTIONS,
            Asked("sqlite", "localhost", None, "", "", "localhost", 6379),
        ),
        ("postgresql", GIVEN, Asked("postgresql", "localhost", None, "u", "d", "", 0)),
        (
            "mysql 10.0.0.5 6380",
            GIVEN,
            Asked("mysql", "localhost", None, "u", "d", "10.0.0.5", 6380),
        ),
        ("mysql db 3307 u d", OPTIONS, Asked("mysql", "db", 3307, "u", "d", "", 0)),
        (
            "postgresql db 5432 zato1 zato2 localhost 6379",
            OPTIONS,
            Asked("postgresql", "db", 5432, "zato1", "zato2", "localhost", 6379),
        ),
    ],
)
def test_words_that_are_understood(words, options, asked):
    assert read_words(tuple(words.split()), options) == asked


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
def test_words_that_are_not(words, named):
    with pytest.raises(click.UsageError, match=named):
        read_words(tuple(words.split()), OPTIONS)
