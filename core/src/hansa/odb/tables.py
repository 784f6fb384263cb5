"""The tables of the operational database (ODB), and the version of their schema."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION = "0009"
"""The newest Alembic revision; workers compare it without importing Alembic."""
SETTING_LENGTH = 100

KIND = String(50)
NAME = String(200)
DIGEST = String(64)
SETTING = String(SETTING_LENGTH)
ACTION = String(20)
LEASE = String(300)
CLAIM = String(500)
IDENTITY = String(32)

metadata = MetaData()


def _key(name: str, type: TypeEngine[str] | TypeEngine[int]) -> Column[object]:
    """Return a column of the primary key."""
    return Column(name, type, primary_key=True, autoincrement=False)


def _column(
    name: str, type: TypeEngine[str] | TypeEngine[int] | TypeEngine[float] | TypeEngine[bool]
) -> Column[object]:
    """Return a column that is never null."""
    return Column(name, type, nullable=False)


cluster = Table(
    "cluster",
    metadata,
    _key("id", Integer()),
    _column("revision", Integer()),
    Column("identity", IDENTITY, nullable=True),
    Column("key_check", DIGEST, nullable=True),
    Column("history_from", Integer(), nullable=True),
)
"""One row: the newest revision, what tells this ODB from any other, the fingerprint of the key that
encrypts its secrets, and the revision up to which the change log was pruned. Each change begins by
raising the revision: writers stand in one line.
"""

definition = Table(
    "definition",
    metadata,
    _key("kind", KIND),
    _key("type", KIND),
    _key("name", NAME),
    _column("data", Text()),
    _column("revision", Integer()),
    Index("definition_revision", "revision"),
    Index("definition_name", "name"),
)
"""The definitions: settings as JSON, and the revision of the last change."""

reference = Table(
    "reference",
    metadata,
    _key("kind", KIND),
    _key("type", KIND),
    _key("name", NAME),
    _key("setting", SETTING),
    _key("to_kind", KIND),
    _key("to_type", KIND),
    _key("to_name", NAME),
    Index("reference_to", "to_kind", "to_name"),
)
"""What definitions refer to; an empty `to_type` means any type of that kind."""

claim = Table(
    "claim",
    metadata,
    _key("claim", CLAIM),
    _column("kind", KIND),
    _column("type", KIND),
    _column("name", NAME),
    Index("claim_name", "name"),
)
"""What only one definition of a kind may have, such as a path, as `kind claim`."""

package = Table(
    "package",
    metadata,
    _key("file", NAME),
    _key("version", Integer()),
    _column("current", Boolean()),
    _column("source", Text()),
    _column("services", Text()),
    _column("sha256", DIGEST),
    _column("mac", DIGEST),
    _column("by", NAME),
    _column("at", Float()),
)
"""All versions of deployed packages: source, service names by class name, whether it serves."""

change = Table(
    "change",
    metadata,
    _key("revision", Integer()),
    _key("kind", KIND),
    _key("type", KIND),
    _key("name", NAME),
    _column("action", ACTION),
    Column("data", Text(), nullable=True),
    _column("by", NAME),
    _column("at", Float()),
    Column("service", NAME, nullable=True),
    Index("change_subject", "kind", "type", "name"),
)
"""The change log; `service` is the admin service by which a change was made, if it was one."""

applied = Table(
    "applied",
    metadata,
    _key("worker", NAME),
    _column("server", NAME),
    _column("revision", Integer()),
    _column("at", Float()),
    _column("states", Text()),
    Column("keys", Text(), nullable=True),
)
"""The last report of each worker: the revision it has applied, and as JSON states of objects and
fingerprints of its keys.
"""

declared = Table(
    "declared",
    metadata,
    _key("kind", KIND),
    _key("type", KIND),
    _key("name", NAME),
    _column("sha256", DIGEST),
)
"""Digests of what configuration files declared."""

lease = Table(
    "lease",
    metadata,
    _key("name", LEASE),
    _column("holder", NAME),
    _column("token", Integer()),
    _column("expires", Float()),
)
"""Leases, where no other bus keeps them; `expires` is in seconds of the Unix epoch."""

journal = Table(
    "journal",
    metadata,
    _key("name", KIND),
    _key("number", Integer()),
    _column("text", Text()),
)
"""Journals by name: records in the order of their numbers, which nobody changes."""

mail = Table(
    "mail",
    metadata,
    _key("id", IDENTITY),
    _column("mailbox", LEASE),
    _column("text", Text()),
    _column("at", Float()),
    _column("expires", Float()),
    Index("mail_mailbox", "mailbox"),
)
"""Messages of workers to each other, where no other bus carries them, until one is collected or
expires; times are in seconds of the Unix epoch.
"""
