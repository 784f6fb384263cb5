"""`Service`, the class that services written for Zato derive from."""

from __future__ import annotations

import datetime
import logging
import re
from typing import Any, ClassVar

from hansa import (
    Binding,
    Format,
    Request as CoreRequest,
    Response as CoreResponse,
    Service as CoreService,
    automatic_name,
)

from ..bunch import Bunch
from ..outgoing.connections import REST, Outgoing
from ..outgoing.kvdb import KeyValueDB, lock
from ..sio.declaration import declaration
from ..sio.description import describe
from . import dispatch, wire
from .channel import ChannelInfo, channel_of
from .clock import TimeUtil
from .environ import wsgi_environ
from .invocation import OPTIONS, Invoking, _impl_name
from .lifecycle import Lifecycle
from .logs import Logger, log_message
from .nav import DictNav, ListNav
from .patterns import Patterns
from .request import Request
from .response import Response
from .userconfig import user_config

_OWN = "hansa_zato."
_LATER = frozenset(
    (
        "amqp",
        "cache",
        "cassandra_conn",
        "cassandra_query",
        "cloud",
        "crypto",
        "email",
        "im",
        "msg",
        "odb",
        "pubsub",
        "schedule",
        "search",
        "sso",
        "worker_store",
        "wsx",
    )
)


class Service(Invoking, Lifecycle, CoreService):
    """Base of services in the Zato dialect: input and output by SimpleIO or dataclasses, or whatever the message holds.

    A new instance handles each message. Its attributes are those of Zato: `request`, `response`, `outgoing`, `kvdb`, `cid`,
    `logger`, `channel`, `environ`, `wsgi_environ`, `time`, `user_config` and so on.
    """

    abstract: ClassVar[bool] = True
    dictnav = DictNav
    listnav = ListNav
    slow_threshold: int = 99999

    request: Request  # type: ignore[assignment]
    response: Response  # type: ignore[assignment]
    logger: Logger
    cid: str = ""
    binding: Binding
    core: CoreRequest
    invocation_time: datetime.datetime
    handle_return_time: datetime.datetime
    processing_time_raw: datetime.timedelta
    processing_time: int
    usage: int = 0

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__dict__.get("zato_dont_import"):
            cls.abstract = True
        declared = declaration(cls)  # one that makes no sense is an error where the class stands
        if declared is not None and declared.namespace and not hasattr(cls, "namespace"):
            # where formats look for it
            cls.namespace = declared.namespace  # type: ignore[attr-defined]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @classmethod
    def get_name(cls) -> str:
        """The name it is registered under: `my_service.py`, `GetRate` -> `my-service.get-rate`; `name` overrides."""
        if cls.name:
            return str(cls.name)
        module = re.sub(r"@\w+", "", cls.__module__)
        if module.startswith(_OWN):
            module = (
                module.removeprefix(_OWN)
                .replace("server.service.internal.", "")
                .replace("server.service.internal", "")
            )
        return automatic_name(module.rstrip("."), cls.__name__)

    @classmethod
    def get_impl_name(cls) -> str:
        """`module.Class`."""
        return _impl_name(cls)

    @classmethod
    def compile(cls, binding: Binding) -> Any:
        """Build the callable that handles a request on one channel."""
        return dispatch.compile_service(cls, binding)

    @classmethod
    def fail(
        cls, error: BaseException, request: CoreRequest, format: Format | None
    ) -> CoreResponse | None:
        """The response to an error, in Zato's shape; for SOAP a fault."""
        return wire.failure(cls, error, request, format)

    @classmethod
    def io_models(cls) -> tuple[Any, Any, str | None]:
        """(model of the request, model of the response's contents, name of the response element), each None if not declared."""
        declared = declaration(cls)
        return describe(declared, cls.get_name()) if declared else (None, None, None)

    # -- what a message brings ------------------------------------------------------------------------------------------

    @property
    def impl_name(self) -> str:
        """`module.Class`."""
        return _impl_name(type(self))

    @property
    def channel(self) -> ChannelInfo:
        """The channel that the message came through."""
        given = self.options.get("channel", "")
        if not given and self.in_reply_to:
            given = "invoke-async-callback"
        return channel_of(self.binding, given, self.core.principal, self.data_format)

    chan = channel

    @property
    def options(self) -> dict[str, Any]:
        """What the calling service told beyond the payload."""
        return self.core.extra.get(OPTIONS, {}) or {}

    @property
    def in_reply_to(self) -> str | None:
        """The correlation id of the call that this one answers, if it is a callback."""
        return self.core.extra.get("in_reply_to") or None

    @property
    def data_format(self) -> str:
        """json, xml, csv ...; dict for calls from other services."""
        return self.request.data_format

    @property
    def transport(self) -> str | None:
        """plain_http, soap, or None."""
        return self.request.transport

    @property
    def job_type(self) -> str | None:
        """one_time, interval_based or cron_style for the scheduler, else None."""
        return dispatch.job_type(self.binding)

    @property
    def environ(self) -> Bunch:
        """Free for use by the service, its hooks, and those that call it."""
        found = self.__dict__.get("_environ")
        if found is None:
            given = self.options.get("environ")
            found = self.__dict__["_environ"] = (
                given if isinstance(given, Bunch) else Bunch(given or {})
            )
        return found

    @environ.setter
    def environ(self, value: Any) -> None:
        self.__dict__["_environ"] = value

    @property
    def wsgi_environ(self) -> dict[str, Any]:
        """The WSGI environment with Zato's keys; for other channels only these."""
        found = self.__dict__.get("_wsgi_environ")
        if found is None:
            found = self.__dict__["_wsgi_environ"] = wsgi_environ(self)
        return found

    # -- what a service uses --------------------------------------------------------------------------------------------

    @property
    def outgoing(self) -> Outgoing:
        """Connections out."""
        return Outgoing(self.server)

    out = outgoing

    @property
    def rest(self) -> REST:
        """Outgoing HTTP connections that know the correlation id."""
        return REST(self.outgoing, self.cid)

    @property
    def kvdb(self) -> KeyValueDB:
        """Redis."""
        return KeyValueDB(self.server)

    @property
    def patterns(self) -> Patterns:
        """Fan-out, parallel execution and invoke-retry."""
        return Patterns(self)

    @property
    def time(self) -> TimeUtil:
        """Dates and times as text."""
        return TimeUtil(self.server)

    @property
    def user_config(self) -> Bunch:
        """INI files of the user."""
        return user_config(self.server)

    config = user_config

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """What a value is called in another system, by the data dictionaries."""
        return self.kvdb.translate(system1, key1, value1, system2, key2, default)

    def lock(
        self,
        name: str | None = None,
        expires: float = 20,
        timeout: float = 10,
        backend: Any = None,
        *,
        ttl: Any = None,
        block: Any = None,
    ) -> Any:
        """A lock held once in the cluster: `with self.lock("name"): ...`. Seconds: held at most, and waited for at most.

        `expires` and `ttl` are the same, `timeout` and `block` too. Raises redis.exceptions.LockError if it is not free in time.
        """
        return lock(
            self.server,
            self.name,
            name or "",
            expires if ttl is None else ttl,
            timeout if block is None else block,
        )

    def log_input(
        self,
        user_msg: str = "",
        level: int = logging.INFO,
        suppress_keys: Any = None,
        **ignored: Any,
    ) -> dict[str, Any]:
        """Log what came in, and all that is known of it; gives the same as a dictionary."""
        return log_message(self, user_msg, level, suppress_keys, output=False)

    def log_output(
        self,
        user_msg: str = "",
        level: int = logging.INFO,
        suppress_keys: Any = ("wsgi_environ",),
        **ignored: Any,
    ) -> dict[str, Any]:
        """Log what goes out; gives the same as a dictionary."""
        return log_message(self, user_msg, level, suppress_keys, output=True)

    def __getattr__(self, name: str) -> Any:
        if name in _LATER:
            raise AttributeError(f"self.{name} is not available in this version of hansa-zato")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
