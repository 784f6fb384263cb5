"""`Service`, the class that services written for Zato derive from."""

from __future__ import annotations

import datetime
import itertools
import logging
import re
from collections.abc import Iterable
from typing import ClassVar, Final

from hansa import Binding, Format, Request as CoreRequest, Response as CoreResponse, automatic_name

from ..bunch import Bunch
from ..compatibility.missing import missing_attribute
from ..constants import CHANNEL, SCHEDULER
from ..payloads import PlainDict, Value
from ..sio.declaration import declaration
from ..sio.description import IOModels, describe
from . import dispatch, failure, lookup
from .broker import BrokerClient
from .channel import ChannelInfo, channel_of
from .environ import wsgi_environ
from .exceptions import ServiceMissingException
from .invocation import CallOptions, Invoking, options_of
from .lifecycle import Lifecycle
from .logs import Logger, log_message
from .lookup import ServiceLike
from .patterns import Patterns
from .request import Request
from .request_hash import request_hash
from .response import Response
from .surroundings import Surroundings

_OWN: Final = "hansa_zato."
_INTERNAL: Final = "server.service.internal"


class Service(Invoking, Lifecycle, Surroundings):
    """Base of services in the Zato dialect.

    Input and output are declared by SimpleIO or dataclasses, or are whatever the message holds.

    A new instance handles each message. Its attributes are those of Zato: `request`, `response`,
    `outgoing`, `kvdb`, `cid`, `logger`, `channel`, `environ`, `wsgi_environ`, `time`, `user_config`
    and so on.
    """

    abstract: ClassVar[bool] = True
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

    # -- what a service uses, besides its surroundings ---------------------------------------------

    @property
    def patterns(self) -> Patterns:
        """Fan-out, parallel execution and invoke-retry."""
        return Patterns(self)

    @property
    def broker_client(self) -> BrokerClient:
        """The queue of asynchronous calls."""
        return BrokerClient(self)

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
