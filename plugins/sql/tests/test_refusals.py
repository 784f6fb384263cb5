"""What a database refuses names the setting to change."""

from __future__ import annotations

import pytest
from hansa import TimedOut, Unavailable
from hansa_sql.refusals import CHECK_DATABASE, remedy_of_connecting

SERVERS = pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
LOGIN = "check the settings username and password"


@SERVERS
def test_a_refusal_names_the_setting_to_change(connect):
    for changes, remedy in (
        ({"password": "wrong"}, LOGIN),
        ({"username": "nobody"}, LOGIN),
        ({"database": "nothing"}, "check the setting(s username and)? database"),
        ({"tls": True, "tls_ca": ""}, "tls to false|set tls_ca"),
        ({"port": 1}, "check the settings host and port"),
        ({"host": "nobody.invalid"}, "check the setting"),
    ):
        with pytest.raises((Unavailable, TimedOut), match=remedy):
            connect(**changes)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_folder_that_is_not_there(connect):
    with pytest.raises(Unavailable, match="check the setting database"):
        connect(database="no/such/folder/x.db")


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("FATAL:  the database system is starting up", ""),
        ("FATAL:  the database system is shutting down", ""),
        ("FATAL:  remaining connection slots are reserved for roles with SUPERUSER", ""),
        ('FATAL:  database "nothing" does not exist', CHECK_DATABASE),
    ],
)
def test_no_setting_is_to_blame_for_a_server_that_starts_or_is_full(said, remedy):
    assert remedy_of_connecting(OSError(said), set(), tls=False) == remedy
