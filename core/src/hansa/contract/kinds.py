"""The contract a plugin author reads: Channel, Outgoing, Security, Format. Each type is a subclass named by `type`.

The life of an object: core makes it (`__init__` opens nothing), calls `start`, which may raise, and always calls `stop`, also
after a `start` that failed. An object is never changed: an edit makes a new one, starts it, swaps it in, then stops the old.
"""

from __future__ import annotations

import builtins
import dataclasses
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from ..foundation.errors import problem
from ..settings.model import Model, setting
from .message import Request, Response

if TYPE_CHECKING:
    from .service import Service

__all__ = [
    "Channel",
    "Definable",
    "Edit",
    "Format",
    "NoSettings",
    "Outgoing",
    "Security",
    "lease_name",
]

Dispatch = Callable[[Request], Response]
Key = tuple[str, str, str]


def lease_name(placement: str, server: str, key: Key) -> str:
    """The lease of an object that runs once: in the cluster, or in a server."""
    return ":".join(("cluster" if placement == "cluster" else f"server:{server}", *key))


class NoSettings(Model):
    """A type without settings of its own."""


class Definable(Model):
    """What every definition has."""

    active: Annotated[
        bool, setting("Whether it is switched on; what is off is kept and does nothing")
    ] = True


class Channelled(Definable):
    """What every channel has; a connector never sees it."""

    service: Annotated[
        str, setting("Service that handles each message", refers="service", min_length=1)
    ]
    format: Annotated[
        str, setting("Data format of messages; empty hands over raw bytes", refers="format")
    ] = ""
    security: Annotated[
        str | list[str] | None,
        setting(
            "Security definition that callers must satisfy, or a list, of which any will do",
            refers="security",
        ),
    ] = None


class Definition:
    """Base of everything that is configured by a definition: core sets `name`, `config`, `log` and `server`."""

    kind: ClassVar[str] = ""
    type: ClassVar[str] = ""
    Config: ClassVar[builtins.type[Model]] = NoSettings
    common: ClassVar[builtins.type[Model]] = Definable
    placement: ClassVar[Literal["worker", "server", "cluster"]] = "worker"
    exclusive: ClassVar[bool] = False

    def __init__(self, name: str, config: Any, server: Any = None) -> None:
        self.name = name
        self.config = config
        self.server = server
        self.log = logging.getLogger(f"hansa.{self.kind}.{self.type}.{name}")

    def start(self) -> None:
        """Open what is needed; may raise, then core retries with back-off and the state says why."""

    def stop(self) -> None:
        """Close everything; called once for each `start`, also when that failed."""

    def lost(self, error: BaseException) -> None:
        """Tell core that what `start` opened is gone, such as a connection; from any thread, returns at once.

        This object is stopped and a new one is started with growing pauses; the state says why until one runs.
        """
        self.server.lost(self, error)

    def trouble(self, why: str) -> None:
        """Tell core that this goes on serving although its other side does not answer; with an empty text, that it does again.

        The state stays `running`, and says why. Call it from any thread, when it changes.
        """
        self.server.lost(self, why, True)

    def ping(self) -> str:
        """Check that the other side is there: a short text, or an exception that says what is wrong."""
        return "running"

    @classmethod
    def claims(cls, config: Any) -> Iterable[str]:
        """What only one definition of this kind may have, such as a path; `define` refuses a second one by name."""
        return ()

    @classmethod
    def generate(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Settings to make up when they are not among those given, such as a random key; told once to who creates it."""
        return {}

    @classmethod
    def prepare(cls, config: Any) -> Any:
        """Give back the config to store, once, when it is defined: hash a password, fill in what is derived."""
        return config


class Channel(Definition):
    """Brings requests in from one source and hands each to `self.dispatch`, which never raises.

    `placement` says where core runs it: in every worker, in one worker per server, or once in the cluster. `delivery` is the
    promise that the conformance kit tests. `exclusive`: the old object must stop before the new one starts.
    Core sets `dispatch` before `start`. Call it anew each time and never keep it: it is swapped under the running channel.
    """

    kind = "channel"
    common = Channelled
    delivery: ClassVar[Literal["at_least_once", "at_most_once"]] = "at_most_once"
    default_format: ClassVar[str] = ""
    dispatch: Dispatch


class Outgoing(Definition):
    """A connection out, used by services as `self.outgoing.TYPE["name"]`; whatever else it offers is its own."""

    kind = "outgoing"

    @property
    def security(self) -> Security | None:
        """The security definition named by the setting `security`, as it is now; None if none is named."""
        name = getattr(self.config, "security", None)
        return self.server.object("security", None, name) if name else None


class Security(Definition):
    """Authenticates callers of channels and / or signs outgoing calls."""

    kind = "security"

    def authenticate(self, request: Request) -> Any:
        """Who the caller is (`principal`, never empty); raises `Refused` if it does not prove it."""
        raise NotImplementedError(f"security {self.type} does not authenticate callers")

    def sign(self, headers: dict[str, str]) -> None:
        """Add what proves who we are to the headers of an outgoing call."""
        raise NotImplementedError(f"security {self.type} does not sign outgoing calls")


class Format:
    """Bytes <-> Python objects. One instance serves one route: `config` is its channel's definition, `service` its class.

    `content_types` are those it reads, the first is the one it writes.
    """

    kind: ClassVar[str] = "format"
    type: ClassVar[str] = ""
    content_types: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Any = None, service: builtins.type[Service] | None = None) -> None:
        self.config = config
        self.service = service

    @property
    def content_type(self) -> str:
        """The content type of what `render` gives."""
        return self.content_types[0]

    def parse(self, raw: bytes, model: Any = None) -> Any:
        """Build a `model` (a Model or any type msgspec knows), or plain data without one; raises `Invalid`."""
        raise NotImplementedError

    def render(self, value: Any, model: Any = None) -> bytes:
        """The bytes of a value; `model` is the declared output, if any. Raises `Invalid` if it cannot be written."""
        raise NotImplementedError

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """The body and content type that tell the caller of an error; by default one line of text."""
        found = problem(error, cid)
        return (
            f"{found['title']}: {found['detail']} (cid {cid})\n".encode(),
            "text/plain; charset=utf-8",
        )


KINDS: dict[str, type] = {"security": Security, "outgoing": Outgoing, "channel": Channel}


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of a definition, by kind, type and name: `data` are its settings, None deletes it.

    `mode` is `create` (must not exist), `edit` (settings over the stored ones) or `set`. It is refused unless the definition is
    still at `seen_revision`, where that is given. `declared` is the digest of the declaration in config.toml it comes from.
    """

    key: Key
    data: dict[str, Any] | None = None
    mode: Literal["create", "edit", "set"] = "set"
    seen_revision: int | None = None
    declared: str | None = None
