"""The parts of the benchmarks, by the names that `python -m bench` takes, in the order of their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from .amqp import amqp
from .async_invocation import async_invocation
from .balanced import balanced
from .definitions import definitions
from .files import files
from .ftp import ftp
from .granian import granian
from .graphql_calls import graphql_calls
from .grpc_calls import grpc_calls
from .ibmmq import ibmmq
from .imap import imap
from .jms import jms
from .kafka import kafka
from .limits import limits
from .measure import Figure
from .mllp import mllp
from .mqtt import mqtt_
from .nats import nats
from .otel import otel
from .redis_messages import redis_messages
from .roles import roles
from .s3 import s3
from .samples import samples
from .scale import scale
from .server import cpu, inside, peers, start, workers
from .sftp import sftp
from .smtp import smtp
from .sql import sql
from .swift import swift
from .tokens import tokens
from .trace import trace
from .waiting import waiting
from .web import web
from .websocket import websocket
from .wss import wss
from .zeromq import zeromq

Part: TypeAlias = Callable[[Path], Iterator[Figure]]

SERVERS: dict[str, Part] = {
    "inside": inside,
    "cpu": cpu,
    "workers": workers,
    "peers": peers,
    "start": start,
    "balanced": balanced,
    "async": async_invocation,
    "definitions": definitions,
    "limits": limits,
    "otel": otel,
    "roles": roles,
    "samples": samples,
    "tokens": tokens,
    "wss": wss,
    "trace": trace,
    "granian": granian,
    "waiting": waiting,
    "web": web,
}
"""Whole servers, and what one function or another of theirs costs."""

CONNECTORS: dict[str, Part] = {
    "amqp": amqp,
    "files": files,
    "ftp": ftp,
    "graphql": graphql_calls,
    "grpc": grpc_calls,
    "ibmmq": ibmmq,
    "imap": imap,
    "jms": jms,
    "kafka": kafka,
    "mllp": mllp,
    "mqtt": mqtt_,
    "nats": nats,
    "redis": redis_messages,
    "s3": s3,
    "sftp": sftp,
    "smtp": smtp,
    "sql": sql,
    "swift": swift,
    "websocket": websocket,
    "zeromq": zeromq,
}
"""Connectors, each against the bare library that it is built on."""

CLUSTERS: dict[str, Part] = {"scale": scale}
"""Clusters of many workers, and what each asks of the engines that they share."""

TABLES: dict[str, dict[str, Part]] = {
    "servers": SERVERS,
    "connectors": CONNECTORS,
    "scale": CLUSTERS,
}
"""The tables of docs/performance.md and docs/scale.md, and the parts whose figures they have."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "scale": ("psycopg", "redis", "sqlalchemy"),
    "servers": ("falcon", "waitress", "msgspec", "lxml", "redis", "fastapi", "flask"),
    "connectors": (
        "boto3",
        "confluent-kafka",
        "graphql-core",
        "grpcio",
        "hl7",
        "httpx2",
        "nats-py",
        "paho-mqtt",
        "paramiko",
        "pika",
        "python-qpid-proton",
        "python-swiftclient",
        "pyzmq",
        "redis",
        "sqlalchemy",
        "stomp.py",
        "websockets",
    ),
}
"""The libraries whose versions count for a table."""

PARTS: dict[str, Part] = {**SERVERS, **CONNECTORS, **CLUSTERS}
"""All parts."""
