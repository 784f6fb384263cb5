"""Connections of PyMySQL that are encrypted where the server can: the same trust as the driver's own,
without the authorities that it reads and does not use.
"""

import ssl

import pytest
from hansa_connect.opportunistic_tls import opportunistic
from pymysql.connections import Connection


def context(connection: type[Connection], **options: object) -> ssl.SSLContext:
    made = connection(defer_connect=True, **options)
    assert made.ssl
    found: ssl.SSLContext = made.ctx
    return found


def test_it_verifies_nobody_as_the_driver_does_and_reads_no_authorities():
    own, ours = context(Connection), context(opportunistic(Connection))
    for name in ("verify_mode", "check_hostname", "minimum_version", "protocol"):
        assert getattr(ours, name) == getattr(own, name), name
    assert own.verify_mode is ssl.CERT_NONE
    assert own.cert_store_stats()["x509"] > 0
    assert ours.cert_store_stats()["x509"] == 0
    assert context(opportunistic(Connection)) is ours


def test_it_goes_on_without_tls_where_the_server_has_none_as_the_driver_does():
    assert not opportunistic(Connection)(defer_connect=True)._ssl_required


@pytest.mark.parametrize(
    "options", [{"ssl": {"verify_mode": "required"}}, {"ssl_verify_identity": True}]
)
def test_what_it_is_told_to_trust_is_verified(options: dict[str, object]):
    made = context(opportunistic(Connection), **options)
    assert made.verify_mode == context(Connection, **options).verify_mode
    assert made is not context(opportunistic(Connection))


def test_a_context_that_is_given_is_taken():
    given = ssl.create_default_context()
    assert context(opportunistic(Connection), ssl=given) is given
