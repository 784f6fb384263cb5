"""Calls from a service of the Zato dialect to others: `invoke`, `invoke_async` and their relatives."""

from __future__ import annotations

import contextvars
import json
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from hansa import NotFound, Service as CoreService, new_cid

from ..bunch import bunchify
from ..constants import CHANNEL, DATA_FORMAT
from ..sio.declaration import declaration
from ..sio.models import Model, plain
from .channel import stable_id
from .exceptions import ServiceMissingException, TimeoutException

OPTIONS = (
    "zato"  # the key of Request.extra under which what Zato's calls have beyond Hansa's travels
)


class Invoking:
    """The calling methods of a service; `Service` inherits them."""

    server: Any
    cid: Any
    name: ClassVar[Any]

    def invoke(
        self,
        name: Any,
        payload: Any = "",
        channel: str = CHANNEL.INVOKE,
        data_format: str = DATA_FORMAT.DICT,
        transport: str | None = None,
        serialize: bool = False,
        as_bunch: bool = False,
        timeout: float | None = None,
        raise_timeout: bool = True,
        cid: str | None = None,
        environ: dict[str, Any] | None = None,
        skip_response_elem: bool = False,
        target: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Call a service, by name, implementation name or class, and give back its answer; its exceptions come through.

        The answer of one with SimpleIO is a dictionary inside its response element, unless `skip_response_elem`; text with
        `serialize`. `data_format` json or xml has text read as such. With `timeout`, in seconds, it runs in a thread that is
        left behind if it takes longer: `TimeoutException`, or None if `raise_timeout` is off. Keyword arguments become the
        payload if none is given. Raises `ServiceMissingException`, a KeyError.
        """
        found = self._resolve(name)
        if kwargs and payload == "":
            payload = kwargs
        options: dict[str, Any] = {}
        if channel != CHANNEL.INVOKE:
            options["channel"] = channel
        if data_format != DATA_FORMAT.DICT or serialize:
            options.update(data_format=data_format, transport=transport, serialize=serialize)
        if environ is not None:
            options["environ"] = environ

        def call() -> Any:
            extra = {"extra": {OPTIONS: options}} if options else {}
            return self.server.invoke(found, payload, cid=cid or self.cid, **extra)

        if timeout is not None:
            answer = _in_time(call, timeout, self.cid, found, raise_timeout)
        else:
            answer = call()
        if serialize:
            return answer if isinstance(answer, str | bytes) else json.dumps(plain(answer))
        if skip_response_elem:
            answer = self._unwrapped(found, answer)
        return bunchify(answer) if as_bunch else answer

    def invoke_by_impl_name(self, impl_name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a service by the dotted name of its class, `module.Class`."""
        return self.invoke(
            self._find(lambda cls, name: _impl_name(cls) == impl_name, impl_name), *args, **kwargs
        )

    def invoke_by_id(self, service_id: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a service by its number, as `zato.service.*` services tell it."""
        wanted = str(service_id)
        return self.invoke(
            self._find(lambda cls, name: str(stable_id(name)) == wanted, wanted), *args, **kwargs
        )

    def invoke_async(
        self,
        name: Any,
        payload: Any = "",
        channel: str = CHANNEL.INVOKE_ASYNC,
        data_format: str = DATA_FORMAT.DICT,
        transport: str | None = None,
        expiration: int = 15,
        to_json_string: bool = False,
        cid: str | None = None,
        callback: Any = None,
        zato_ctx: dict[str, Any] | None = None,
        environ: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> str:
        """Have a service called by any worker, at least once; gives the correlation id of that call at once.

        `callback` (a name, a class, this service itself, or a list of them) gets the answer as its payload, with that
        correlation id in `self.in_reply_to`; without one, the service `NAME-async-callback` gets it if there is one. The payload
        goes as JSON. `expiration` has no effect: an accepted call is carried out. Raises `hansa.Unavailable` without Redis.
        """
        found = self._resolve(name)
        if kwargs and payload == "":
            payload = kwargs
        data = json.loads(msgspec.json.encode(plain(payload), enc_hook=str))
        if to_json_string and not isinstance(data, str):
            data = json.dumps(data)
        options = {
            key: value
            for key, value in {
                "channel": channel if channel != CHANNEL.INVOKE_ASYNC else None,
                "data_format": data_format if data_format != DATA_FORMAT.DICT else None,
                "transport": transport,
                "environ": plain(environ) if environ else None,
                "zato_ctx": plain(zato_ctx) if zato_ctx else None,
            }.items()
            if value is not None
        }
        more: dict[str, Any] = {"extra": {OPTIONS: options}} if options else {}
        callbacks = self._callbacks(callback)
        if callbacks:
            more["callback"] = callbacks
        return str(self.server.invoke_async(found, data, cid=cid or new_cid(), **more))

    def _callbacks(self, callback: Any) -> list[str]:
        if callback:
            given = callback if isinstance(callback, list | tuple | set) else [callback]
            return [self.name if one is self else self._resolve(one) for one in given]
        try:
            return [self._resolve(f"{self.name}-async-callback")]
        except ServiceMissingException:
            return []

    def _resolve(self, name: Any) -> str:
        """The registered name of a service given by name, implementation name, class or instance."""
        if isinstance(name, CoreService):
            name = type(name)
        if isinstance(name, type) and issubclass(name, CoreService):
            name = name.get_name()
        try:
            self.server.registry.service(name)
        except NotFound as error:
            if "." in name and name.rpartition(".")[2][:1].isupper():
                return self._find(lambda cls, _: _impl_name(cls) == name, name)
            raise ServiceMissingException(self.cid, error.detail) from None
        return str(name)

    def _find(self, matches: Callable[[type[CoreService], str], bool], wanted: str) -> str:
        for deployed in self.server.registry.services():
            if matches(deployed.cls, deployed.name):
                return str(deployed.name)
        raise ServiceMissingException(self.cid, f"no service is known as {wanted!r}")

    def _unwrapped(self, name: str, answer: Any) -> Any:
        declared = declaration(self.server.registry.service(name).cls)
        elem = declared.response_elem if declared else None
        return (
            answer[elem] if elem and isinstance(answer, dict) and list(answer) == [elem] else answer
        )


def _impl_name(cls: type) -> str:
    """`module.Class`, without the version that a deployed module's name carries."""
    return re.sub(r"@\w+", "", f"{cls.__module__}.{cls.__qualname__}")


def _in_time(
    call: Callable[[], Any], timeout: float, cid: str, name: str, raise_timeout: bool
) -> Any:
    outcome: list[tuple[bool, Any]] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.append((True, context.run(call)))
        except BaseException as error:  # handed to the caller below
            outcome.append((False, error))

    thread = threading.Thread(target=run, name=f"invoke-{name}", daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        if raise_timeout:
            raise TimeoutException(cid, f"{name} did not answer within {timeout:g} s")
        return None
    good, value = outcome[0]
    if good:
        return value
    raise value


def as_model_payload(payload: Any) -> Any:
    """A payload that is a Model, as the plain data that a service without a declared model reads."""
    return payload.to_dict() if isinstance(payload, Model) else payload
