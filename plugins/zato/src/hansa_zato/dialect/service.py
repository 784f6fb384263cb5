"""`Service`, the class that services written for Zato derive from."""

from __future__ import annotations

import datetime
import itertools
import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Final

from hansa import (
    Binding,
    Format,
    Request as CoreRequest,
    Response as CoreResponse,
    Service as CoreService,
    automatic_name,
)

from ..bunch import Bunch
from ..cache import CacheAPI
from ..compatibility.missing import missing_attribute
from ..constants import CHANNEL, SCHEDULER
from ..messages.facade import MessageFacade
from ..outgoing import REST, Outgoing
from ..outgoing.cassandra import CassandraQueries, connections as cassandra_connections
from ..outgoing.cloud import Cloud
from ..outgoing.connections import Connections
from ..outgoing.email import Email
from ..outgoing.kvdb import KeyValueDB, lock
from ..outgoing.search import Search
from ..payloads import PlainDict, Value
from ..pubsub import PubSub
from ..sio.declaration import declaration
from ..sio.description import IOModels, describe
from . import dispatch, failure, lookup
from .broker import BrokerClient
from .channel import ChannelInfo, channel_of
from .clock import TimeUtil
from .commands import Commands
from .crypto import Crypto
from .environ import wsgi_environ
from .exceptions import ServiceMissingException
from .invocation import CallOptions, Invoking, options_of
from .lifecycle import Lifecycle
from .logs import Logger, log_message
from .lookup import ServiceLike
from .nav import DictNav, ListNav
from .patterns import Patterns
from .request import Request
from .request_hash import request_hash
from .response import Response
from .schedule import Schedule
from .static import StaticFiles
from .threads import in_thread, sleep
from .userconfig import user_config
from .wsx import WSX

if TYPE_CHECKING:
    from redis.lock import Lock

    from ..odb.database import ConfigurationDatabase

_OWN: Final = "hansa_zato."
_INTERNAL: Final = "server.service.internal"


class Service(Invoking, Lifecycle, CoreService):
    """Base of services in the Zato dialect.

    Input and output are declared by SimpleIO or dataclasses, or are whatever the message holds.

    A new instance handles each message. Its attributes are those of Zato: `request`, `response`,
    `outgoing`, `kvdb`, `cid`, `logger`, `channel`, `environ`, `wsgi_environ`, `time`, `user_config`
    and so on.
    """

    abstract: ClassVar[bool] = True
    dictnav = DictNav
    listnav = ListNav
    slow_threshold: int = 99999

    request: Request  # type: ignore[assignment] # the dialect has its own
    response: Response  # type: ignore[assignment] # the dialect has its own
    logger: Logger
    cid: str = ""
    binding: Binding
    core: CoreRequest
    invocation_time: datetime.datetime
    handle_return_time: datetime.datetime
    processing_time_raw: datetime.timedelta
    processing_time: int
    usage: int = 0

    namespace: ClassVar[str]
    _admitted: ClassVar[bool]
    _messages: ClassVar[itertools.count[int]]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if cls.__dict__.get("zato_dont_import"):
            cls.abstract = True
        declared = declaration(cls)  # one that makes no sense is an error where the class stands
        if declared is not None and declared.namespace and not hasattr(cls, "namespace"):
            cls.namespace = declared.namespace  # where formats look for it

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    @classmethod
    def get_name(cls) -> str:
        """Return the name it is registered under: `name`, or one made of module and class.

        `GetRate` in `my_service.py` is `my-service.get-rate`.
        """
        if cls.name:
            return str(cls.name)
        module = re.sub(r"@\w+", "", cls.__module__)
        if module.startswith(_OWN):
            module = module.removeprefix(_OWN)
            module = module.replace(f"{_INTERNAL}.", "").replace(_INTERNAL, "")
        return automatic_name(module.rstrip("."), cls.__name__)

    @classmethod
    def get_impl_name(cls) -> str:
        """Return `module.Class`."""
        return lookup.impl_name(cls)

    @classmethod
    def compile(cls, binding: Binding) -> dispatch.Route:
        """Return the function that handles the messages of one channel."""
        return dispatch.compile_service(cls, binding)

    @classmethod
    def fail(
        cls, error: BaseException, request: CoreRequest, format: Format | None
    ) -> CoreResponse | None:
        """Return the response to an error, in Zato's shape; for SOAP a fault."""
        return failure.failure(cls, error, request, format)

    @classmethod
    def response_key(cls, request: CoreRequest) -> str | None:
        """Return what the answer to a request is kept under, where its channel has hansa-cache keep
        answers; None for what the channel goes by.
        """
        return request_hash(cls, request)

    @classmethod
    def io_models(cls) -> IOModels:
        """Return the models of request and response, and the name of the response element.

        Each is None if it is not declared.
        """
        declared = declaration(cls)
        return describe(declared, cls.get_name()) if declared else (None, None, None)

    # -- what a message brings ---------------------------------------------------------------------

    @property
    def impl_name(self) -> str:
        """`module.Class`."""
        return lookup.impl_name(type(self))

    @property
    def channel(self) -> ChannelInfo:
        """The channel that the message came through."""
        type = self.options.get("channel", "")
        if not type and self.in_reply_to:
            type = "invoke-async-callback"
        return channel_of(self.binding, type, self.core.principal, self.data_format)

    chan = channel

    @property
    def options(self) -> CallOptions:
        """What the calling service said beyond the payload."""
        return options_of(self.core)

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
        if self.options.get("channel") == CHANNEL.SCHEDULER:
            return str(SCHEDULER.JOB_TYPE.ONE_TIME)  # of self.schedule.onetime
        return dispatch.job_type(self.binding)

    @property
    def environ(self) -> Value:
        """Free for use by the service, its hooks, and those that call it."""
        if "_environ" not in self.__dict__:
            given = self.options.get("environ") or {}
            self.__dict__["_environ"] = given if isinstance(given, Bunch) else Bunch(given)
        return self.__dict__["_environ"]

    @environ.setter
    def environ(self, value: object) -> None:
        self.__dict__["_environ"] = value

    @property
    def wsgi_environ(self) -> PlainDict:
        """The WSGI environment with Zato's keys; for other channels only these."""
        if "_wsgi_environ" not in self.__dict__:
            self.__dict__["_wsgi_environ"] = wsgi_environ(self)
        found: PlainDict = self.__dict__["_wsgi_environ"]
        return found

    # -- what a service uses -----------------------------------------------------------------------

    @property
    def outgoing(self) -> Outgoing:  # type: ignore[override] # the dialect has its own
        """Connections out."""
        return Outgoing(self.server)

    out = outgoing

    @property
    def rest(self) -> REST:
        """Outgoing HTTP connections that know the correlation id."""
        return REST(self.outgoing, self.cid)

    @property
    def amqp(self) -> Connections:
        """Outgoing AMQP connections, of which `invoke` names one."""
        return self.outgoing.amqp

    @property
    def email(self) -> Email:
        """Mail servers."""
        return Email(self.server)

    @property
    def cloud(self) -> Cloud:
        """Object stores."""
        return Cloud(self.server)

    @property
    def search(self) -> Search:
        """Search engines."""
        return Search(self.server)

    @property
    def cassandra_conn(self) -> Connections:
        """Sessions with clusters of Cassandra."""
        return cassandra_connections(self.server)

    @property
    def cassandra_query(self) -> CassandraQueries:
        """Prepared statements of Cassandra."""
        return CassandraQueries(self.server)

    @property
    def kvdb(self) -> KeyValueDB:
        """Redis."""
        return KeyValueDB(self.server)

    @property
    def cache(self) -> CacheAPI:
        """Caches."""
        return CacheAPI(self.server)

    @property
    def pubsub(self) -> PubSub:
        """Topics and subscriptions."""
        return PubSub(self.server, self.cid)

    @property
    def wsx(self) -> WSX:
        """Clients of channels of WebSockets."""
        return WSX(self.server, self.cid)

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

    @property
    def static_config(self) -> StaticFiles:
        """Texts of static files."""
        return StaticFiles(self.server)

    @property
    def crypto(self) -> Crypto:
        """Encryption, hashes and random secrets."""
        return Crypto(self.server)

    @property
    def commands(self) -> Commands:
        """Programs, where the configuration allows them."""
        return Commands(self.server)

    @property
    def schedule(self) -> Schedule:
        """Calls of services at a later time."""
        return Schedule(self.server, self.cid)

    @property
    def odb(self) -> ConfigurationDatabase:
        """The definitions, to be read by SQLAlchemy."""
        from ..odb.database import (
            ConfigurationDatabase,
        )  # lazy: few services look at definitions this way

        return ConfigurationDatabase(self.server)

    @property
    def broker_client(self) -> BrokerClient:
        """The queue of asynchronous calls."""
        return BrokerClient(self)

    @property
    def msg(self) -> MessageFacade:
        """JSON Pointer, XPath and mappings, with expressions of the definitions."""
        return MessageFacade(self.server)

    sleep = staticmethod(sleep)
    run_in_thread = staticmethod(in_thread)

    def new_instance(self, name: ServiceLike, *args: object, **kwargs: object) -> Service:
        """Return a new instance of a service, by name or class, whose methods may be called, with all
        attributes and an empty message; its `handle` is not called.

        Raises `ServiceMissingException`, a KeyError, also for one that is no service of this dialect.
        """
        found = lookup.resolve(self.server, self.cid, name)
        cls = self.server.registry.service(found).cls
        if not issubclass(cls, Service):
            raise ServiceMissingException(self.cid, f"{found} is no service of Zato's dialect")
        binding = Binding(found, self.binding.server, type=CHANNEL.NEW_INSTANCE)
        log = Logger(logging.getLogger(f"hansa.service.{found}"))
        request = CoreRequest(payload="", cid=self.cid)
        return dispatch.CompiledService(cls, binding, log).prepare(request)

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> str:
        """Return what a value is called in another system, by the data dictionaries."""
        return self.kvdb.translate(system1, key1, value1, system2, key2, default)

    def lock(
        self,
        name: str | None = None,
        expires: float = 20,
        timeout: float = 10,
        backend: object = None,
        *,
        ttl: float | None = None,
        block: float | None = None,
    ) -> Lock:
        """Return a lock held once in the cluster: `with self.lock("name"): ...`.

        It is held for at most `expires` seconds (also called `ttl`), and entering waits for at most
        `timeout` seconds (also called `block`), then raises redis.exceptions.LockError.
        """
        longest = expires if ttl is None else ttl
        patience = timeout if block is None else block
        return lock(self.server, name or self.name, longest, patience)

    def log_input(
        self,
        user_msg: str = "",
        level: int = logging.INFO,
        suppress_keys: Iterable[str] | None = None,
        **ignored: object,
    ) -> PlainDict:
        """Log what came in, and all that is known about it; returns the same as a dictionary."""
        return log_message(self, user_msg, level, suppress_keys, output=False)

    def log_output(
        self,
        user_msg: str = "",
        level: int = logging.INFO,
        suppress_keys: Iterable[str] | None = ("wsgi_environ",),
        **ignored: object,
    ) -> PlainDict:
        """Log what goes out; returns the same as a dictionary."""
        return log_message(self, user_msg, level, suppress_keys, output=True)

    def __getattr__(self, name: str) -> Value:
        try:
            return self._plugin_attribute(name)
        except AttributeError as error:
            why = missing_attribute(name)
            if why and error.name == name:
                raise AttributeError(f"self.{name} is not available: {why}") from None
            raise
