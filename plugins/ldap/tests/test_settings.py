"""Settings, and names in filters and distinguished names."""

from __future__ import annotations

import pytest
from hansa import Invalid, load
from hansa_ldap.names import filled_dn, filled_filter, first_value, parse_server
from hansa_ldap.settings import LdapSettings

GOOD = {"servers": ["ldaps://directory.example.com"], "search_base": "ou=people,dc=example"}


@pytest.mark.parametrize(
    ("changes", "faulty"),
    [
        ({"servers": []}, {"servers"}),
        ({"servers": ["directory:389", "ldap://h/dc=x"]}, {"servers[0]", "servers[1]"}),
        ({"search_base": ""}, {"search_base"}),
        ({"user_dn": "uid={username}"}, {"search_base"}),
        ({"search_base": "", "user_dn": "uid=alice"}, {"user_dn"}),
        ({"search_filter": "(uid=alice)"}, {"search_filter"}),
        ({"search_filter": "(uid={username}"}, {"search_filter"}),
        ({"search_base": "people"}, {"search_base"}),
        ({"group_base": "ou=groups", "group_filter": "(cn=x)"}, {"group_filter"}),
        ({"bind_dn": "cn=x"}, {"bind_password"}),
        ({"bind_password": "x"}, {"bind_dn"}),
        ({"tls_certificate": "/x"}, {"tls_key"}),
    ],
)
def test_faults_are_told_by_setting(changes, faulty):
    with pytest.raises(Invalid) as caught:
        load(LdapSettings, {**GOOD, **changes})
    assert set(caught.value.errors) == faulty


def test_names_in_filters():
    assert filled_filter("(uid={username})", "a*(b)\\\x00é") == "(uid=a\\2a\\28b\\29\\5c\\00é)"
    assert filled_filter("(|(m={dn})(u={username}))", "{dn}", "cn=a") == "(|(m=cn=a)(u={dn}))"


def test_names_in_distinguished_names():
    assert filled_dn("uid={username},dc=x", 'a,b+c"d\\e<f>g;h=i') == (
        "uid=a\\2cb\\2bc\\22d\\5ce\\3cf\\3eg\\3bh\\3di,dc=x"
    )
    assert filled_dn("uid={username}", " a ") == "uid=\\20a\\20"
    assert filled_dn("uid={username}", "#a") == "uid=\\23a"
    assert filled_dn("uid={username}", " ") == "uid=\\20"


@pytest.mark.parametrize(
    ("dn", "value"),
    [
        ("cn=staff,ou=groups,dc=x", "staff"),
        ("cn=R\\26D,ou=groups", "R&D"),
        ("cn=a\\, b,ou=groups", "a, b"),
        ("CN=Zo\\C3\\AB,OU=x", "Zoë"),
        ("staff", "staff"),
        ("", ""),
    ],
)
def test_the_value_that_a_name_begins_with(dn, value):
    assert first_value(dn) == value


def test_addresses():
    assert (parse_server("ldap://h").port, parse_server("ldaps://h").port) == (389, 636)
    found = parse_server("ldaps://[::1]:1636")
    assert (found.host, found.port, found.encrypted) == ("::1", 1636, True)
