"""The settings of gRPC channels and outgoing connections."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_connect.login import AddressSettings
from hansa_connect.tls import TlsSettings

CALL = "grpc.call"
"""The service that carries out the calls of channels: it has the service of each method called."""


class MessageSettings(Model):
    """Messages.

    What they look like, and how large they may be.
    """

    proto: Annotated[
        str,
        setting(
            "Text of a .proto file that declares the methods; empty without one",
            multiline=True,
        ),
    ] = ""
    proto_file: Annotated[
        str,
        setting(
            "Path of a .proto file that declares the methods, instead of its text; files that it "
            "imports are looked for beside it",
            example="/etc/hansa/rates.proto",
        ),
    ] = ""
    max_body: Annotated[
        int, setting("Maximum size of a message that is received, in bytes", ge=1, le=1 << 30)
    ] = 4 * 1024 * 1024

    def check(self) -> None:
        """Refuse a declaration that is given twice; raises `Invalid`."""
        super().check()
        if self.proto and self.proto_file:
            raise Invalid({"proto_file": "give either this or proto"})


class MethodSettings(Model):
    """A method that is served."""

    method: Annotated[
        str,
        setting(
            "Full name of the method: package, service and method",
            example="rates.v1.Rates/Get",
            pattern=r"^/?([A-Za-z_]\w*\.)*[A-Za-z_]\w*/[A-Za-z_]\w*$",
        ),
    ]
    service: Annotated[
        str, setting("Service that handles its calls", refers="service", min_length=1)
    ]

    @property
    def path(self) -> str:
        """The method as gRPC has it in requests, with a slash at the beginning."""
        return "/" + self.method.lstrip("/")


class ListeningSettings(MessageSettings, TlsSettings):
    """Listening.

    Where clients connect to, and which methods there are. With `tls` the channel presents
    `tls_certificate`, and takes only clients with a certificate of `tls_ca`, if that is set.
    """

    host: Annotated[str, setting("Address to listen at; 0.0.0.0 for all", min_length=1)] = (
        "127.0.0.1"
    )
    port: Annotated[int, setting("TCP port to listen at", ge=1, le=65535)]
    methods: Annotated[
        list[MethodSettings],
        setting(
            "Methods, each with the service that handles its calls. Without a .proto, messages are "
            "derived from the services' Input and Output",
            min_length=1,
        ),
    ]
    service: Annotated[
        str,
        setting(
            f"Service that takes all calls and passes each on; leave it at {CALL}",
            refers="service",
            min_length=1,
            advanced=True,
        ),
    ] = CALL
    reflection: Annotated[
        bool,
        setting("Tell callers who are let in which methods there are (server reflection)"),
    ] = False
    timeout: Annotated[
        float,
        setting(
            "Longest deadline of a call in seconds, and that of calls which come without one",
            gt=0,
            le=86_400,
        ),
    ] = 60.0
    pool: Annotated[
        int, setting("Calls carried out at the same time by each worker", ge=1, le=1000)
    ] = 10
    max_calls: Annotated[
        int,
        setting(
            "Maximum calls in hand of each worker, waiting ones included; further ones end with "
            "RESOURCE_EXHAUSTED",
            ge=1,
            le=100_000,
        ),
    ] = 200

    def check(self) -> None:
        """Refuse TLS without a certificate, and methods that are given twice; raises `Invalid`."""
        faults = {}
        try:
            super().check()
        except Invalid as invalid:
            faults = dict(invalid.errors)
        if self.tls and not self.tls_certificate:
            faults["tls_certificate"] = "required with tls"
        paths = set()
        for index, one in enumerate(self.methods):
            if one.path in paths:
                faults[f"methods[{index}].method"] = f"{one.method} is there twice"
            if one.service.startswith("admin."):
                faults[f"methods[{index}].service"] = "administers the cluster, and is not served"
            paths.add(one.path)
        if faults:
            raise Invalid(faults)


class CallingSettings(MessageSettings, TlsSettings, AddressSettings):
    """Calling.

    Where a gRPC server is, and what it is asked with. Without `proto` and `proto_file`, the server
    is asked for its methods (server reflection).
    """

    port: Annotated[int, setting("TCP port", ge=1, le=65535)] = 50051
    security: Annotated[
        str | None,
        setting(
            "Security definition that signs each call, in its metadata",
            refers="security",
        ),
    ] = None
    timeout: Annotated[
        float, setting("Deadline of a call, in seconds, and time limit for connecting", gt=0)
    ] = 10.0
    max_attempts: Annotated[
        int,
        setting(
            "How often a call is tried at most whose method is declared to be free of side effects, "
            "or idempotent (idempotency_level); any other is sent once",
            ge=1,
            le=5,
        ),
    ] = 3
    ping_interval: Annotated[
        float,
        setting(
            "Seconds between two pings of a server that is silent during a call; servers end "
            "connections that ping more often than they allow, by default every 300 s",
            ge=10,
            le=86_400,
            advanced=True,
        ),
    ] = 300.0
    ping_timeout: Annotated[
        float,
        setting(
            "Seconds within which a ping has to be answered, else the connection is lost",
            gt=0,
            le=3600,
            advanced=True,
        ),
    ] = 20.0
