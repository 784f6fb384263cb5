"""Calls from a service of the Zato dialect to others: `invoke`, `invoke_async` and so on."""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, ClassVar, Final, TypedDict, cast

from hansa import Request as CoreRequest, new_cid

from ..bunch import bunchify
from ..constants import CHANNEL, DATA_FORMAT
from ..payloads import PlainDict, Value
from ..sio.declaration import declaration
from ..sio.models import as_json, plain
from . import lookup
from .exceptions import ServiceMissingException, TimeoutException
from .lookup import ServiceLike
from .targets import TARGETED, Targeted, TargetSpread, invoke_target, split_target

if TYPE_CHECKING:
    from hansa import Server

OPTIONS: Final = "zato"
"""The key of `Request.extra` under which travels what calls of Zato have beyond those of Hansa."""


class CallOptions(TypedDict, total=False):
    """What a calling service says beyond the payload."""

    channel: str
    data_format: str
    transport: str | None
    serialize: bool
    environ: PlainDict
    zato_ctx: PlainDict
    request_method: str


def options_of(core: CoreRequest) -> CallOptions:
    """Return the options of a call from another service; none for other messages."""
    options: CallOptions | None = core.extra.get(OPTIONS)
    return options or {}


class Invoking:
    """The calling methods of a service; `Service` inherits them."""

    server: Server
    cid: str
    name: ClassVar[str]

    def invoke(
        self,
        name: ServiceLike,
        payload: object = "",
        channel: str = CHANNEL.INVOKE,
        data_format: str = DATA_FORMAT.DICT,
        transport: str | None = None,
        serialize: bool = False,
        as_bunch: bool = False,
        timeout: float | None = None,
        raise_timeout: bool = True,
        cid: str | None = None,
        environ: PlainDict | None = None,
        skip_response_elem: bool = False,
        target: object = None,
        **kwargs: object,
    ) -> Value:
        """Call a service, by name, implementation name or class, and return its answer.

        Its exceptions come through. `NAME@TARGET`, or `target`, has it called in each server that
        has this name or label, and returns the answer of one.

        The answer of one with SimpleIO is a dictionary inside its response element, unless
        `skip_response_elem`; text with `serialize`. `data_format` json or xml has text read as
        such. With `timeout`, in seconds, it runs in a thread that is left behind if it takes
        longer: `TimeoutException`, or None if `raise_timeout` is off. Keyword arguments become the
        payload if none is given. Raises `ServiceMissingException`, a KeyError.
        """
        service, where = split_target(self.cid, name, target)
        found = lookup.resolve(self.server, self.cid, cast(ServiceLike, service))
        sent = _payload(payload, kwargs)
        options = CallOptions()
        if channel != CHANNEL.INVOKE:
            options["channel"] = channel
        if data_format != DATA_FORMAT.DICT or serialize:
            options["data_format"] = data_format
            options["transport"] = transport
            options["serialize"] = serialize
        if environ is not None:
            options["environ"] = environ

        def call() -> Value:
            return self.server.invoke(found, sent, cid=cid or self.cid, extra=_extra(options))

        if where:
            targeted = Targeted(found, where, extra=_extra(options))
            answer = _within(
                lambda: invoke_target(self.server, targeted, sent, cid or self.cid, timeout),
                raise_timeout,
            )
        elif timeout is None:
            answer = call()
        else:
            answer = _call_within(timeout, call, self.cid, found, raise_timeout)
        if serialize:
            return answer if isinstance(answer, str | bytes) else json.dumps(plain(answer))
        if skip_response_elem:
            answer = self._unwrapped(found, answer)
        return bunchify(answer) if as_bunch else answer

    def invoke_by_impl_name(self, impl_name: str, *args: Value, **kwargs: Value) -> Value:
        """Call a service by the dotted name of its class, `module.Class`."""
        found = lookup.by_impl_name(self.server, self.cid, impl_name)
        return self.invoke(found, *args, **kwargs)

    def invoke_by_id(self, service_id: object, *args: Value, **kwargs: Value) -> Value:
        """Call a service by its number, as `zato.service.*` services report it."""
        found = lookup.by_id(self.server, self.cid, str(service_id))
        return self.invoke(found, *args, **kwargs)

    def invoke_async(
        self,
        name: ServiceLike,
        payload: object = "",
        channel: str = CHANNEL.INVOKE_ASYNC,
        data_format: str = DATA_FORMAT.DICT,
        transport: str | None = None,
        expiration: int = 15,
        to_json_string: bool = False,
        cid: str | None = None,
        callback: ServiceLike | Iterable[ServiceLike] | None = None,
        zato_ctx: PlainDict | None = None,
        environ: PlainDict | None = None,
        target: object = None,
        **kwargs: object,
    ) -> str:
        """Have a service called by any worker, at least once; `NAME@TARGET`, or `target`, by one of
        each server that has this name or label, at most once for each attempt.

        Returns the correlation id of that call at once.

        `callback` (a name, a class, this service itself, or a list of them) gets the answer as its
        payload, with that correlation id in `self.in_reply_to`; without one, the service
        `NAME-async-callback` gets it if there is one. The payload goes as JSON. `expiration` has no
        effect: an accepted call is carried out. Raises `hansa.Unavailable` without Redis.
        """
        service, where = split_target(self.cid, name, target)
        found = lookup.resolve(self.server, self.cid, cast(ServiceLike, service))
        data = as_json(_payload(payload, kwargs))
        if to_json_string and not isinstance(data, str):
            data = json.dumps(data)
        options = CallOptions()
        if channel != CHANNEL.INVOKE_ASYNC:
            options["channel"] = channel
        if data_format != DATA_FORMAT.DICT:
            options["data_format"] = data_format
        if transport is not None:
            options["transport"] = transport
        if environ:
            options["environ"] = plain(environ)
        if zato_ctx:
            options["zato_ctx"] = plain(zato_ctx)
        callbacks = self._callbacks(callback) if callback else self._default_callback()
        if where:
            extra = Targeted(found, where, extra=_extra(options)).data()
            extra[TARGETED]["callbacks"] = callbacks
            return self.server.invoke_async(
                TargetSpread.name, data, cid=cid or new_cid(), extra=extra
            )
        return self.server.invoke_async(
            found, data, cid=cid or new_cid(), callback=callbacks, extra=_extra(options)
        )

    def _callbacks(self, given: ServiceLike | Iterable[ServiceLike]) -> list[str]:
        """Return the names of callbacks, of which this service itself may be one."""
        several = given if isinstance(given, list | tuple | set) else [given]
        return [self._callback(one) for one in several]

    def _callback(self, given: object) -> str:
        if given is self:
            return self.name  # the registered name, which one in the class may not know
        return lookup.resolve(self.server, self.cid, cast(ServiceLike, given))

    def _default_callback(self) -> list[str]:
        """Return the service that gets answers where the caller names none, if there is one."""
        try:
            return [lookup.resolve(self.server, self.cid, f"{self.name}-async-callback")]
        except ServiceMissingException:
            return []

    def _unwrapped(self, name: str, answer: Value) -> Value:
        """Return what is inside the response element of a service."""
        declared = declaration(self.server.registry.service(name).cls)
        elem = declared.response_elem if declared else None
        if elem and isinstance(answer, dict) and list(answer) == [elem]:
            return answer[elem]
        return answer


def _payload(payload: object, kwargs: Mapping[str, object]) -> object:
    """Return the payload of a call, for which keyword arguments stand if it is not given."""
    return kwargs if kwargs and payload == "" else payload


def _extra(options: CallOptions) -> dict[str, object]:
    return {OPTIONS: options} if options else {}


def _within(call: Callable[[], Value], raise_timeout: bool) -> Value:
    """Return what a call returns; None if it takes too long and that is not to be raised."""
    try:
        return call()
    except TimeoutException:
        if raise_timeout:
            raise
        return None


def _call_within(
    seconds: float, call: Callable[[], Value], cid: str, name: str, raise_timeout: bool
) -> Value:
    """Return what a call returns in time; if it takes longer, its thread is left behind."""
    outcome: Future[Value] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(call))
        except BaseException as error:  # raised by `outcome.result()` below
            outcome.set_exception(error)

    threading.Thread(target=run, name=f"invoke-{name}", daemon=True).start()
    wait([outcome], seconds)
    if outcome.done():
        return outcome.result()
    if raise_timeout:
        raise TimeoutException(cid, f"{name} did not answer within {seconds:g} s")
    return None
