"""The kinds that a plugin may add types to: Channel, Outgoing, Security, Format. A type is a
subclass, named by `type`. A plugin may also add kinds, by `hansa_kinds`.

The life of an object: core makes it (`__init__` opens nothing), calls `start`, which may raise, and
always calls `stop`, also after a `start` that failed. An object is never changed: an edit makes a
new one, starts it, swaps it in and stops the old one.
"""

from __future__ import annotations

import builtins
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, get_args, get_origin

from typing_extensions import TypeVar

from ..foundation.errors import HansaError, Misused, Refused, problem
from ..settings.model import Model, setting
from .login import Login
from .message import Request, Response
from .observation import Observation, Observer
from .outgoing_request import OutgoingRequest
from .parameters import parameter_reader
from .records import Key, PlainSettings

if TYPE_CHECKING:
    from .server import Server
    from .service import Service

Dispatch = Callable[[Request], Response]
Guarantee = Literal["at_least_once", "at_most_once"]
"""What is promised of messages: each is handled, after a failure perhaps twice, or each is handled
once, and a failure may cost those in hand.
"""
Placement = Literal["worker", "server", "cluster"]
"""Where an object runs: in every worker, in one worker of each server, or once in the cluster."""
ConfigT = TypeVar("ConfigT", bound=Model, default=Any)


def lease_name(placement: Placement, server: str, key: Key) -> str:
    """Return the lease of an object that runs once: in the cluster, or in a server."""
    scope = "cluster" if placement == "cluster" else f"server:{server}"
    return ":".join((scope, *key))


class NoSettings(Model):
    """A type without settings of its own."""


class DefinitionSettings(Model):
    """State.

    What every definition has.
    """

    active: Annotated[
        bool,
        setting("Whether the definition is in service; an inactive one is kept and does nothing"),
    ] = True


class ChannelSettings(DefinitionSettings):
    """Delivery.

    What every channel has; a connector never sees it.
    """

    service: Annotated[
        str, setting("Service that handles each message", refers="service", min_length=1)
    ]
    format: Annotated[
        str, setting("Data format of messages; empty passes raw bytes on", refers="format")
    ] = ""
    security: Annotated[
        str | list[str] | None,
        setting(
            "Security definition that callers must satisfy, or a list of which any one will do",
            refers="security",
        ),
    ] = None

    @property
    def security_names(self) -> list[str]:
        """The names of the security definitions, of which any one will do; none if callers need
        not be known.
        """
        if self.security is None:
            return []
        return [self.security] if isinstance(self.security, str) else self.security


class Definition(Generic[ConfigT]):
    """Base of everything that a definition configures: core sets `name`, `config`, `server` and
    `log`.

    A subclass names its own settings as type argument, `class MqttChannel(Channel[Subscription])`,
    or as `Config`. `placement` says where core runs it: in every worker, in one worker of each
    server, or once in the cluster. `exclusive`: the old object must stop before a new one can
    start, such as one that binds a port. `lives_inactive`: an inactive definition has an object, too,
    which sees in its settings that it is not in service. `acyclic`: definitions of this kind must not
    refer to each other in a circle, as parents must not. Core sets `builtin` where the definition
    comes with a plugin.

    Definitions start in several threads at once. Two that import a package from different ends, one
    as a whole and one a module of it, block each other: Python then raises `_DeadlockError`, or leaves
    the package without some of its modules. So whoever imports a library where a definition starts, and
    not where its own module begins, does it `with Definition.importing`, in one thread at a time.
    """

    kind: ClassVar[str] = ""
    type: ClassVar[str] = ""
    Config: ClassVar[builtins.type[Model]] = NoSettings
    common: ClassVar[builtins.type[DefinitionSettings]] = DefinitionSettings
    placement: ClassVar[Placement] = "worker"
    exclusive: ClassVar[bool] = False
    lives_inactive: ClassVar[bool] = False
    acyclic: ClassVar[bool] = False
    importing: ClassVar[AbstractContextManager[object]] = threading.RLock()
    builtin: bool = False

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "Config" not in cls.__dict__:
            given = _type_argument(cls)
            if given is not None:
                cls.Config = given

    def __init__(self, name: str, config: ConfigT, server: Server) -> None:
        self.name = name
        self.config = config
        self.server = server

    @cached_property
    def log(self) -> logging.Logger:
        """The log of this definition."""
        return logging.getLogger(f"hansa.{self.kind}.{self.type}.{self.name}")

    def start(self) -> None:
        """Open what is needed; may raise, then core retries with back-off and the state says why."""

    def withdrawn(self) -> None:
        """Learn that this object serves no more, as soon as that is so: another one took its place,
        or none. `stop` follows after the last request that may be using it.
        """

    def stop(self) -> None:
        """Close everything; called once for each `start`, also when that failed."""

    def lost(self, error: BaseException) -> None:
        """Report that what `start` opened is gone, such as a connection; from any thread, returns
        at once.

        This object is stopped and a new one is started, with growing pauses; the state says why
        until one runs.
        """
        self.server.objects.lost(self, error)

    def trouble(self, why: str) -> None:
        """Report that this object serves on although its other side does not answer; an empty text:
        it answers again.

        The state stays `running` and says why. Call it from any thread, when it changes.
        """
        self.server.objects.trouble(self, why)

    def ping(self) -> str:
        """Check that the other side is there: return a short text, or raise what is wrong."""
        return "running"

    @classmethod
    def claims(cls, config: ConfigT) -> Iterable[str]:
        """Return what only one definition of this kind may have, such as a path; a second one is
        refused by name.
        """
        return ()

    @classmethod
    def reserved(cls, config: ConfigT, builtin: Iterable[DefinitionSettings]) -> str:
        """Return why these settings ask for what belongs to Hansa or to a plugin; an empty text if
        they do not.

        `builtin` are the settings of the definitions of this kind that come with plugins, which are
        not asked themselves.
        """
        return ""

    @classmethod
    def logins(cls, config: ConfigT) -> Iterable[str]:
        """Return the names of the security definitions by which an object with these settings logs
        in. When one of them was edited, the object is replaced, as by an edit of its own.
        """
        return ()

    @classmethod
    def generate(cls, given: PlainSettings) -> PlainSettings:
        """Return settings to make up when they are not given, such as a random key; shown once to
        whoever creates it.
        """
        return {}

    @classmethod
    def prepare(cls, config: ConfigT) -> ConfigT:
        """Return the settings to store, once, when they are defined: hash a password, fill in what
        is derived.
        """
        return config


def _type_argument(cls: builtins.type[Definition]) -> builtins.type[Model] | None:
    """Return the settings that a class names as the type argument of one of its bases."""
    for base in cls.__dict__.get("__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and issubclass(origin, Definition):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Model):
                    return argument
    return None


class Channel(Definition[ConfigT]):
    """Brings requests in from one source and hands each to `self.dispatch`, which never raises.

    `delivery` is the guarantee that the conformance kit tests; where it depends on settings,
    `delivery_of` says so. `has_callers` is false where nobody sends the messages, as with a clock:
    then no security definition is needed. Core sets `dispatch` before `start`. Call it anew each
    time and never keep it: it is swapped under the running channel. Call it from any thread; where
    `is_awaited`, also by `event_loop.start`: then no thread is kept while its service waits.
    """

    kind = "channel"
    common = ChannelSettings
    delivery: ClassVar[Guarantee] = "at_most_once"
    default_format: ClassVar[str] = ""
    has_callers: ClassVar[bool] = True
    dispatch: Dispatch

    @property
    def is_awaited(self) -> bool:
        """Whether `dispatch` of now may be called on the event loop of the worker."""
        return getattr(self.dispatch, "is_awaited", False) is True

    @property
    def settings(self) -> ChannelSettings:
        """The settings that every channel has, beside its own in `config`."""
        if not isinstance(self.config, ChannelSettings):
            raise TypeError(f"channel {self.name!r} was made without the settings of a channel")
        return self.config

    @classmethod
    def delivery_of(cls, config: ConfigT) -> Guarantee:
        """Return the guarantee of a channel with these settings; by default that of its class.

        Override it where a setting decides, such as the quality of service of MQTT. `delivery` of
        the class is then the guarantee with default settings.
        """
        return cls.delivery


class Outgoing(Definition[ConfigT]):
    """A connection out, used by services as `self.outgoing.TYPE["name"]`; whatever else it offers
    is its own.

    Core sets `observers` before `start`: what `hansa_observe` returned. Services on the event loop
    call methods in another thread, unless a type says by `waits_on_loop` that these run on the loop,
    in plain code that waits by `event_loop.wait` and `event_loop.sleep` alone, and holds no lock
    meanwhile. It says so for itself, and not for types that inherit from it.
    """

    kind = "outgoing"
    waits_on_loop: ClassVar[bool] = False
    observers: Sequence[Observer] = ()

    def observed(self) -> Observation:
        """Return a context for one call of the other side: plugins learn how long it took, and how
        it failed.
        """
        return Observation(self.observers)

    @property
    def security(self) -> Security | None:
        """The security definition named by the setting `security`, as it is now; None if none is
        named.
        """
        name = getattr(self.config, "security", None)
        return self.server.objects.security(name) if name else None


class Security(Definition[ConfigT]):
    """Authenticates callers of channels, signs outgoing calls, supplies logins or certificates to
    connections, or all of these.

    Connections call `sign_request` before they send a request; most types override what it calls,
    `sign` and `sign_query`. `signs_messages` says that what proves who we are is in the message
    itself, such as the envelope of SOAP, and not in headers of the protocol: connections that can
    send such messages then call `sign_message`, and not `sign_request`. `renew` is asked after an
    answer with status 401.
    """

    kind = "security"
    signs_messages: ClassVar[bool] = False

    @classmethod
    def openapi_scheme(cls, settings: PlainSettings) -> PlainSettings:
        """Return how callers authenticate, as a Security Scheme Object of OpenAPI 3.1; `settings` are
        those stored, and no secret may be shown.

        By default the scheme of HTTP that the type is named after, such as `basic` or `bearer`.
        """
        return {"type": "http", "scheme": cls.type}

    @classmethod
    def credential_paths(cls, config: ConfigT) -> Iterable[str]:
        """Return where in their messages callers have their credentials, as XPath or JSONPath has
        it, so that they are masked where messages are kept; by default nowhere.
        """
        return ()

    def authenticate(self, request: Request) -> object:
        """Return who the caller is (the principal, never empty); raises `Refused` if it does not
        prove it. By default nobody can, which the log says.
        """
        refused = Refused("the caller cannot be authenticated")
        refused.reason = f"security {self.type} {self.name!r} does not authenticate callers"
        raise refused

    def sign_request(self, request: OutgoingRequest) -> None:
        """Add what proves who we are to an outgoing request; called for each attempt to send it.

        By default `sign` and `sign_query` do so. Override it where the proof depends on the method,
        the URL or the body, as signatures of requests do.
        """
        self.sign(request.headers)
        self.sign_query(request.query)

    def sign(self, headers: dict[str, str]) -> None:
        """Add what proves who we are to the headers of an outgoing call; raises `Misused` where the
        type signs none, as by default.
        """
        raise Misused(f"security {self.type} {self.name!r} does not sign outgoing calls")

    def renew(self, rejected: OutgoingRequest) -> bool:
        """Return whether a request that was answered with status 401 is worth signing and sending
        once more, since what proves who we are has been replaced, such as a token that was revoked
        before its end.

        `rejected` is the request as `sign_request` left it. By default it is not.
        """
        return False

    def login(self) -> Login:
        """Return what logs in to a server, for connections that name this definition in their
        settings; raises `HansaError` if it supplies nothing.
        """
        raise HansaError(f"security {self.type} {self.name!r} supplies no login")

    def authorities(self) -> str:
        """Return the path of a PEM file with the certificate authorities that connections trust
        which name this definition in their settings; raises `HansaError` if it holds none.
        """
        raise HansaError(f"security {self.type} {self.name!r} holds no certificate authorities")

    def sign_query(self, query: dict[str, str]) -> None:
        """Add what proves who we are to the query string of an outgoing call, after `sign`; by
        default nothing.
        """

    def sign_message(self, message: bytes) -> bytes:
        """Return an outgoing message with what proves who we are in it, before it is packed with
        attachments or compressed; raises `Invalid` for a message that cannot hold it.

        Called once for each call, and only if `signs_messages`.
        """
        raise NotImplementedError(f"security {self.type} does not sign messages")


class Format:
    """Converts between bytes and Python objects; one instance serves one route.

    `config` is the definition of its channel, `service` the class it serves. `content_types` are
    those it reads; the first is the one it writes.
    """

    kind: ClassVar[str] = "format"
    type: ClassVar[str] = ""
    content_types: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        self.config = config
        self.service = service

    @property
    def content_type(self) -> str:
        """The content type of what `render` returns."""
        return self.content_types[0]

    def parse(self, raw: bytes, model: Any = None) -> Any:
        """Build a `model` (a Model or any type msgspec knows), or plain data without one; raises
        `Invalid`.
        """
        raise NotImplementedError

    def render(self, value: object, model: Any = None) -> bytes:
        """Return the bytes of a value; `model` is the declared output, if any. Raises `Invalid` if
        it cannot be written.
        """
        raise NotImplementedError

    def write(self, value: object, model: Any = None) -> tuple[bytes, str]:
        """Return the bytes of a value and their content type; raises `Invalid` as `render` does.

        A format whose content type depends on the value, such as one with a boundary in it,
        overrides it.
        """
        return self.render(value, model), self.content_type

    @staticmethod
    def text_reader(model: Any) -> Callable[[Mapping[str, Any]], Any]:
        """Return what builds a `model` of texts, and lists of texts, by name: exactly as parameters
        of path and query become an input. It raises `Invalid` with all faults.

        For formats whose values have no types of their own, such as forms.
        """
        merge = parameter_reader(model)

        def read(values: Mapping[str, Any]) -> Any:
            return merge(values, None)

        return read

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """Return the body and content type that tell a caller of an error; by default one line of
        text.
        """
        found = problem(error, cid)
        text = f"{found['title']}: {found['detail']} (cid {cid})\n"
        return text.encode(), "text/plain; charset=utf-8"


KINDS: dict[str, builtins.type[Definition]] = {
    "security": Security,
    "outgoing": Outgoing,
    "channel": Channel,
}
"""The kinds of core, in the order in which their objects start; those of other kinds, which plugins
add by `hansa_kinds`, start before.
"""
