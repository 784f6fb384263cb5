"""Exports for another cluster: placeholders for secrets, and what a plan says of missing ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hansa_admin.placeholders import Placeholders

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

DATABASE = {
    "engine": "postgresql",
    "host": "127.0.0.1",
    "port": 1,
    "database": "crm",
    "username": "crm",
    "password": "s3cret-word",
}


def test_secrets_become_placeholders_with_names_of_their_own(server: Server) -> None:
    for name in ("crm-1", "crm_1"):
        server.call("admin.outgoing.sql.create", DATABASE | {"name": name})
    partner = {"name": "partner", "username": "p", "password": "s3cret-word"}
    server.call("admin.security.basic.create", partner)
    found = server.call("admin.config.export", {"secrets": "env"})
    assert found["outgoing"]["sql"]["crm-1"]["password"] == {"$env": "OUTGOING_SQL_CRM_1_PASSWORD"}
    assert found["outgoing"]["sql"]["crm_1"]["password"] == {
        "$env": "OUTGOING_SQL_CRM_1_PASSWORD_2"
    }
    hashed = found["security"]["basic"]["partner"]
    assert hashed == {"username": "p", "password": {"$env": "SECURITY_BASIC_PARTNER_PASSWORD"}}
    assert found == server.call("admin.config.export", {"secrets": "env"})
    # a plan says of each that it is missing where the server runs
    refused = server.api("admin.config.plan", {"config": found})
    assert refused.status == 400
    assert refused.json["errors"] == {
        f"{path}.password": f"the environment variable {name} is not set"
        for path, name in (
            ("outgoing.sql.crm-1", "OUTGOING_SQL_CRM_1_PASSWORD"),
            ("outgoing.sql.crm_1", "OUTGOING_SQL_CRM_1_PASSWORD_2"),
            ("security.basic.partner", "SECURITY_BASIC_PARTNER_PASSWORD"),
        )
    }


def test_what_refers_elsewhere_stays_and_nested_values_are_found() -> None:
    settings = {
        "name": {"$file": "/secret"},
        "password": {"$env": "GIVEN"},
        "key": "$argon2id$...",
        "none": None,
        "options": {"token": {"$encrypted": "abc"}, "plain": 1},
        "list": [{"$encrypted": "abc"}, "x"],
    }
    put = Placeholders().put(("outgoing", "sql", "a"), settings, {"password", "key", "none"})
    assert put == {
        "name": {"$file": "/secret"},
        "password": {"$env": "GIVEN"},
        "key": {"$env": "OUTGOING_SQL_A_KEY"},
        "none": None,
        "options": {"token": {"$env": "OUTGOING_SQL_A_OPTIONS_TOKEN"}, "plain": 1},
        "list": [{"$env": "OUTGOING_SQL_A_LIST_0"}, "x"],
    }
