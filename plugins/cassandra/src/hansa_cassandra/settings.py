"""The settings of connections to Cassandra."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from hansa import Invalid, setting
from hansa_connect.login import CredentialSettings, OutgoingLogin
from hansa_connect.tls import TlsSettings

Consistency = Literal[
    "any",
    "one",
    "two",
    "three",
    "quorum",
    "all",
    "local_quorum",
    "each_quorum",
    "local_one",
]
SerialConsistency = Literal["serial", "local_serial"]

_WITH_PORT = re.compile(r".*[^:]:\d+")
_KEYSPACE = re.compile(r"[A-Za-z0-9_]{0,48}")


class CassandraSettings(TlsSettings, OutgoingLogin, CredentialSettings):
    """Cassandra.

    Where a cluster is, how to log in, and the statements that services run by name.
    """

    contact_points: Annotated[
        list[str],
        setting(
            "Host names or addresses of some nodes, from which the others are learned",
            min_length=1,
            example=["192.0.2.1", "192.0.2.2"],
        ),
    ]
    port: Annotated[
        int, setting("TCP port of the nodes for the native protocol", ge=1, le=65535)
    ] = 9042
    keyspace: Annotated[str, setting("Keyspace of statements that name none", example="shop")] = ""
    datacenter: Annotated[
        str,
        setting(
            "Datacenter whose nodes are called; if empty, that of the first contact point "
            "that is reached"
        ),
    ] = ""
    consistency: Annotated[
        Consistency, setting("Consistency level of statements; a call may give another")
    ] = "local_quorum"
    serial_consistency: Annotated[
        SerialConsistency,
        setting("Consistency level of the condition of statements with IF", advanced=True),
    ] = "serial"
    statements: Annotated[
        dict[str, str],
        setting(
            "Statements in CQL by the names that services call them by, with parameters as :name",
            example={"order": "SELECT * FROM orders WHERE id = :id"},
        ),
    ] = {}
    timeout: Annotated[
        float,
        setting("Time limit of a call, or of each page of rows, in seconds", gt=0, le=86400),
    ] = 10.0
    connect_timeout: Annotated[
        float,
        setting(
            "Time limit in seconds for connecting to a node and logging in, and for the answer to "
            "a heartbeat",
            gt=0,
            le=3600,
        ),
    ] = 5.0
    page_size: Annotated[
        int, setting("Rows that are fetched, and held in memory, at a time", ge=1, le=100_000)
    ] = 1000
    max_rows: Annotated[
        int, setting("Maximum rows that `all` returns; a result with more is refused", ge=1)
    ] = 100_000
    protocol_version: Annotated[
        Literal[3, 4, 5],
        setting("Version of the native protocol: 5 needs Cassandra 4.0", advanced=True),
    ] = 4
    tls_server_name: Annotated[
        str,
        setting(
            "Name in the certificates of all nodes; if empty, that of a contact point must be in "
            "its own, and the address of any other node in its own",
            advanced=True,
        ),
    ] = ""

    def check(self) -> None:
        """Refuse addresses with ports, keyspaces and statements that are none; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        for index, one in enumerate(self.contact_points):
            if not one.strip() or one != one.strip():
                faults[f"contact_points[{index}]"] = "must be a host name or an address"
            elif _WITH_PORT.fullmatch(one):
                faults[f"contact_points[{index}]"] = "give the port by the setting port"
        if not _KEYSPACE.fullmatch(self.keyspace):
            faults["keyspace"] = "must have letters, digits and _ only, at most 48"
        for name, statement in self.statements.items():
            if not name.strip() or not statement.strip():
                faults[f"statements.{name}"] = "must have a name and a text"
        if self.tls_server_name and not self.tls:
            faults["tls_server_name"] = "has no effect without tls"
        if faults:
            raise Invalid(faults)
