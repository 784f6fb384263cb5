"""A stand-in for a node of Cassandra 4.1: the native protocol version 4, as its specification has it.

    python -m plugins.cassandra.tests.cql_server ADDRESS PORT PASSWORD FOLDER [--tls PEM] [--peer IP]

It is strict: a frame of another version, an unknown flag or opcode, a body with a byte too many, a
request before STARTUP and AUTH_RESPONSE, a statement that it cannot read are errors. Users log in as
`hansa`. What it is to do wrong is a value of the column `fault` of the table `faults`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import ipaddress
import ssl
import struct
import uuid
from collections.abc import Callable
from pathlib import Path

from plugins.cassandra.tests.cql_tables import INVALID, Statement, Store
from plugins.cassandra.tests.cql_wire import (
    HEADER,
    LONGEST,
    UNSET,
    Reader,
    Refusal,
    columns,
    integer,
    rows,
    short,
    string,
    value,
)

REQUEST, ANSWER = 0x04, 0x84
ERROR, READY, AUTHENTICATE, SUPPORTED, RESULT, AUTH_SUCCESS = 0, 2, 3, 6, 8, 0x10
PROTOCOL, CREDENTIALS, UNPREPARED = 0x0A, 0x0100, 0x2500
AUTHENTICATOR = "org.apache.cassandra.auth.PasswordAuthenticator"
USER = "hansa"
CONSISTENCY = 0x06
FAULTS = {
    "unavailable": Refusal(0x1000, "no", short(CONSISTENCY) + integer(2) + integer(1)),
    "overloaded": Refusal(0x1001, "busy at 10.0.0.1"),
    "bootstrapping": Refusal(0x1002, "not yet"),
    "write-timeout": Refusal(
        0x1100, "late", short(CONSISTENCY) + integer(1) + integer(2) + string("SIMPLE")
    ),
    "read-timeout": Refusal(0x1200, "late", short(CONSISTENCY) + integer(1) + integer(2) + b"\0"),
    "read-failure": Refusal(
        0x1300, "tombstones", short(CONSISTENCY) + integer(0) + integer(2) + integer(1) + b"\0"
    ),
    "unauthorized": Refusal(0x2100, "User hansa has no SELECT permission on <table 10.0.0.1>"),
    "server-error": Refusal(0x0000, "java.lang.NullPointerException at 10.0.0.1"),
    "exists": Refusal(0x2400, "there", string("shop") + string("faults")),
}
LOCAL = [
    ("key", "text"),
    ("cluster_name", "text"),
    ("data_center", "text"),
    ("rack", "text"),
    ("host_id", "uuid"),
    ("partitioner", "text"),
    ("release_version", "text"),
    ("rpc_address", "inet"),
    ("rpc_port", "int"),
    ("schema_version", "uuid"),
    ("tokens", "set<text>"),
]
PEERS = [
    ("peer", "inet"),
    ("peer_port", "int"),
    ("data_center", "text"),
    ("rack", "text"),
    ("host_id", "uuid"),
    ("native_address", "inet"),
    ("native_port", "int"),
    ("release_version", "text"),
    ("schema_version", "uuid"),
    ("tokens", "set<text>"),
]
SCHEMA = uuid.UUID(int=1).bytes
VERSION = b"4.1.7"


class Node:
    """What all connections to one node share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.store = Store(Path(options.folder) / "changes")
        self.prepared: dict[bytes, Statement] = {}
        self.changed = 0

    def system(self, text: str) -> tuple[str, list, list] | None:
        """Return the table, columns and rows of a query of the system's tables; None for others."""
        words = text.split()
        at = [word.upper() for word in words].index("FROM") + 1 if " FROM " in text else 0
        table = words[at] if at else ""
        if not table.startswith("system"):
            return None
        known = {
            "system.local": (LOCAL, [self._local()]),
            "system.peers_v2": (PEERS, self._peers()),
        }
        if table.startswith(("system_schema.", "system_virtual_schema.")):
            return table, [("keyspace_name", "text")], []
        if table not in known:
            raise Refusal(INVALID, f"table {table} does not exist")
        specs, found = known[table]
        wanted = " ".join(words[1 : at - 1])
        names = [name for name, _ in specs] if wanted == "*" else wanted.split(", ")
        return (
            table,
            [(one, dict(specs)[one]) for one in names],
            [[row[n] for n in names] for row in found],
        )

    def _local(self) -> dict[str, bytes | None]:
        address = self.options.address
        return {
            "key": b"local",
            "cluster_name": b"Stand-in",
            "partitioner": b"org.apache.cassandra.dht.Murmur3Partitioner",
            "rpc_address": _packed(address),
            "rpc_port": integer(self.options.port),
            **_about(address),
        }

    def _peers(self) -> list[dict[str, bytes | None]]:
        return [
            {
                "peer": _packed(peer),
                "peer_port": integer(7000),
                "native_address": _packed(peer),
                "native_port": integer(self.options.port),
                **_about(peer),
            }
            for peer in self.options.peer
        ]


class Client:
    """One connection."""

    def __init__(
        self, node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.node = node
        self.reader = reader
        self.writer = writer
        self.started = self.authenticated = False
        self.requests: dict[int, Callable[[Reader], tuple[int, bytes] | None]] = {
            0x01: self.startup,
            0x05: self.options,
            0x07: self.query,
            0x09: self.prepare,
            0x0A: self.execute,
            0x0B: self.register,
            0x0D: self.batch,
            0x0F: self.log_in,
        }

    async def serve(self) -> None:
        while True:
            version, flags, stream, opcode, length = HEADER.unpack(
                await self.reader.readexactly(HEADER.size)
            )
            if version != REQUEST:
                text = f"Invalid or unsupported protocol version ({version}); supported is 4/v4"
                self.answer(stream, *refused(Refusal(PROTOCOL, text)))
                return
            if length > LONGEST:
                return
            body = Reader(await self.reader.readexactly(length))
            try:
                answer = self.handle(opcode, flags, body)
            except Refusal as refusal:
                answer = refused(refusal)
            except Closed:
                return
            if answer is not None:
                self.answer(stream, *answer)
            await self.writer.drain()

    def handle(self, opcode: int, flags: int, body: Reader) -> tuple[int, bytes] | None:
        if flags:
            raise Refusal(PROTOCOL, f"flags {flags:#x} are not known here")
        if opcode not in self.requests:
            raise Refusal(PROTOCOL, f"unknown opcode {opcode}")
        if opcode not in (0x01, 0x05) and not self.started:
            raise Refusal(PROTOCOL, "STARTUP must come first")
        if opcode not in (0x01, 0x05, 0x0F) and not self.authenticated:
            raise Refusal(PROTOCOL, "AUTH_RESPONSE must come first")
        return self.requests[opcode](body)

    def answer(self, stream: int, opcode: int, body: bytes) -> None:
        self.writer.write(HEADER.pack(ANSWER, 0, stream, opcode, len(body)) + body)

    # -- requests ------------------------------------------------------------------------------------

    def options(self, body: Reader) -> tuple[int, bytes]:
        body.end()
        return SUPPORTED, short(2) + b"".join(
            string(name) + short(len(values)) + b"".join(string(one) for one in values)
            for name, values in (("CQL_VERSION", ["3.4.6"]), ("COMPRESSION", ["lz4", "snappy"]))
        )

    def startup(self, body: Reader) -> tuple[int, bytes]:
        given = {body.string(): body.string() for _ in range(body.short())}
        body.end()
        if self.started or "CQL_VERSION" not in given or "COMPRESSION" in given:
            raise Refusal(PROTOCOL, "this STARTUP is not expected")
        self.started = True
        return AUTHENTICATE, string(AUTHENTICATOR)

    def log_in(self, body: Reader) -> tuple[int, bytes]:
        token = body.bytes() or b""
        body.end()
        if token.split(b"\0") != [b"", USER.encode(), self.node.options.password.encode()]:
            raise Refusal(CREDENTIALS, "Provided username hansa and/or password are incorrect")
        self.authenticated = True
        return AUTH_SUCCESS, value(None)

    def register(self, body: Reader) -> tuple[int, bytes]:
        kinds = {body.string() for _ in range(body.short())}
        body.end()
        if not kinds <= {"TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"}:
            raise Refusal(PROTOCOL, "unknown events")
        return READY, b""

    def query(self, body: Reader) -> tuple[int, bytes] | None:
        text = body.long_string()
        values, options = parameters(body)
        body.end()
        if text.upper().startswith("USE "):
            keyspace = text[4:].strip('" ;')
            if keyspace != "shop":
                raise Refusal(INVALID, f"Keyspace '{keyspace}' does not exist")
            return RESULT, integer(3) + string(keyspace)
        if found := self.node.system(text):
            return RESULT, rows(*found)
        return self.run(self.node.store.read(text), values, options)

    def prepare(self, body: Reader) -> tuple[int, bytes]:
        text = body.long_string()
        body.end()
        if found := self.node.system(text):
            statement = Statement(text, "system", (), None, [], found[1])
        else:
            statement = self.node.store.read(text)
        identity = hashlib.md5(text.encode()).digest()
        self.node.prepared[identity] = statement
        name = statement.table.name if statement.table else "none"
        bound = integer(1) + integer(len(statement.markers)) + self._keys(statement)
        bound += columns(name, statement.markers)
        result = integer(4) + integer(0)
        if statement.result:
            result = integer(1) + integer(len(statement.result)) + columns(name, statement.result)
        return RESULT, integer(4) + short(len(identity)) + identity + bound + result

    def _keys(self, statement: Statement) -> bytes:
        names = [name for name, _ in statement.markers]
        key = statement.table.key[:1] if statement.table else []
        if not key or key[0] not in names:
            return integer(0)
        return integer(1) + short(names.index(key[0]))

    def execute(self, body: Reader) -> tuple[int, bytes] | None:
        statement = self.known(body.short_bytes())
        values, options = parameters(body)
        body.end()
        if statement.shape == "system":
            table, specs, found = self.node.system(statement.text) or ("", [], [])
            return RESULT, rows(table, specs, found, bare=options["bare"])
        return self.run(statement, values, options)

    def batch(self, body: Reader) -> tuple[int, bytes] | None:
        kind = body.byte()
        if kind > 2:
            raise Refusal(PROTOCOL, f"unknown kind of batch {kind}")
        several = []
        for _ in range(body.short()):
            text_follows = body.byte() == 0
            statement = (
                self.node.store.read(body.long_string())
                if text_follows
                else self.known(body.short_bytes())
            )
            several.append((statement, [body.value() for _ in range(body.short())]))
        consistency, flags = body.short(), body.byte()
        if consistency > 0x0A or flags & ~0x30:
            raise Refusal(PROTOCOL, f"consistency {consistency} or flags {flags:#x} are unknown")
        body.take((2 if flags & 0x10 else 0) + (8 if flags & 0x20 else 0))
        body.end()
        for statement, values in several:
            counts = statement.table and "counter" in statement.table.columns.values()
            if statement.shape == "select" or bool(counts) != (kind == 2):
                raise Refusal(INVALID, "Cannot include this statement in such a batch")
            check(statement, values)
        for statement, values in several:
            self.node.store.change(statement, values)
        return RESULT, integer(1)

    # -- statements ----------------------------------------------------------------------------------

    def known(self, identity: bytes) -> Statement:
        if identity not in self.node.prepared:
            more = short(len(identity)) + identity
            raise Refusal(UNPREPARED, "Prepared query not found", more)
        return self.node.prepared[identity]

    def run(self, statement: Statement, values: list, options: dict) -> tuple[int, bytes] | None:
        check(statement, values)
        if statement.table is not None and statement.table.name == "faults":
            names = [name for name, _ in statement.markers]
            if not self.fault(dict(zip(names, values, strict=True)), options):
                return None
        if statement.shape == "create":
            self.node.store.change(statement, values)
            table = (statement.parts[0] or "").removeprefix("shop.")
            return RESULT, integer(5) + b"".join(
                string(one) for one in ("CREATED", "TABLE", "shop", table)
            )
        specs, found = self.node.store.change(statement, values)
        if not specs:
            return RESULT, integer(1)
        name = statement.table.name if statement.table else "none"
        if statement.shape != "select":
            return RESULT, rows(name, specs, found)
        at = struct.unpack(">I", options["state"])[0] if options["state"] else 0
        end = at + (options["size"] or len(found))
        state = struct.pack(">I", end) if end < len(found) else b""
        return RESULT, rows(name, specs, found[at:end], state, bare=options["bare"])

    def fault(self, values: dict[str, bytes], options: dict) -> bool:
        """Do what a value asks for; returns whether to answer as always."""
        asked = values.get("fault", b"").decode()
        if asked == "levels":
            raise Refusal(INVALID, f"levels {options['levels']}, {options['size']} rows")
        if asked in FAULTS:
            raise FAULTS[asked]
        if asked == "close":
            raise Closed
        if asked == "forget":
            self.node.prepared.clear()
        return asked != "silent"


class Closed(Exception):
    """The connection is closed without an answer."""


def parameters(body: Reader) -> tuple[list, dict]:
    """Read the values and options of a QUERY or EXECUTE (4.1.4)."""
    consistency, flags = body.short(), body.byte()
    if consistency > 0x0A or flags & ~0x3F:
        raise Refusal(PROTOCOL, f"consistency {consistency} or flags {flags:#x} are unknown")
    values = [body.value() for _ in range(body.short())] if flags & 0x01 else []
    size = body.int() if flags & 0x04 else 0
    state = body.bytes() if flags & 0x08 else None
    if state is not None and len(state) != 4:
        raise Refusal(PROTOCOL, "Invalid value for the paging state")
    serial = body.short() if flags & 0x10 else 0x08
    if serial not in (0x08, 0x09):
        raise Refusal(PROTOCOL, "this is no serial consistency")
    if flags & 0x20:
        body.take(8)
    return values, {
        "bare": bool(flags & 0x02),
        "size": max(size, 0),
        "state": state,
        "levels": (consistency, serial),
    }


def check(statement: Statement, values: list) -> None:
    """Refuse values that are not as many, or not as long, as the statement has them."""
    if len(values) != len(statement.markers):
        text = f"there were {len(statement.markers)} markers and {len(values)} values"
        raise Refusal(INVALID, f"Invalid amount of bind variables: {text}")
    sizes = {"int": 4, "bigint": 8, "counter": 8, "uuid": 16, "timestamp": 8, "boolean": 1}
    for (name, kind), one in zip(statement.markers, values, strict=True):
        wanted = sizes.get(kind)
        if one not in (None, UNSET) and wanted not in (None, len(one)):
            raise Refusal(INVALID, f"Expected {wanted} bytes for {name} ({len(one)})")


def refused(refusal: Refusal) -> tuple[int, bytes]:
    """Return the ERROR message of a refusal."""
    return ERROR, integer(refusal.code) + string(str(refusal)) + refusal.more


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _about(address: str) -> dict[str, bytes | None]:
    number = int(ipaddress.ip_address(address))
    token = str(number * 2**30 - 2**62).encode()
    return {
        "data_center": b"dc1",
        "rack": b"r1",
        "host_id": uuid.UUID(int=number).bytes,
        "release_version": VERSION,
        "schema_version": SCHEMA,
        "tokens": integer(1) + value(token),
    }


async def main(options: argparse.Namespace) -> None:
    node = Node(options)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Client(node, reader, writer).serve()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has gone
        finally:
            writer.close()

    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.tls)
    server = await asyncio.start_server(serve, options.address, options.port, ssl=context)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("address")
    given.add_argument("port", type=int)
    given.add_argument("password")
    given.add_argument("folder")
    given.add_argument("--tls", default="")
    given.add_argument("--peer", action="append", default=[])
    asyncio.run(main(given.parse_args()))
