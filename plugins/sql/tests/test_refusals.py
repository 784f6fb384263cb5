"""What a database refuses names the setting to change."""

from __future__ import annotations

import pytest
from hansa import TimedOut, Unavailable

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
