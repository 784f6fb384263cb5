"""`self.broker_client`: hands calls of services to the queue, by the messages that Zato has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..payloads import Value

if TYPE_CHECKING:
    from .invocation import Invoking


class Code(str):
    """The code of a message; its `value` is its text."""

    @property
    def value(self) -> str:
        """The text."""
        return str(self)


class SERVICE:
    """Messages about services."""

    PUBLISH: Final = Code("service.publish")
    EDIT: Final = Code("service.edit")
    DELETE: Final = Code("service.delete")


class MESSAGE_TYPE:
    """To whom a message goes."""

    TO_PARALLEL_ALL: Final = Code("to-parallel-all")
    TO_PARALLEL_ANY: Final = Code("to-parallel-any")


class BrokerClient:
    """`invoke_async({"action": SERVICE.PUBLISH.value, "service": ..., "payload": ...})`."""

    def __init__(self, service: Invoking) -> None:
        self._service = service

    def invoke_async(
        self, message: Mapping[str, Value], msg_type: str = MESSAGE_TYPE.TO_PARALLEL_ANY
    ) -> str:
        """Have a service called by any worker; returns the correlation id.

        Raises ValueError for a message that is about anything else, or to all workers.
        """
        action = str(message.get("action"))
        if msg_type != MESSAGE_TYPE.TO_PARALLEL_ANY:
            raise ValueError("a call goes to one worker of the cluster: TO_PARALLEL_ANY")
        if action != SERVICE.PUBLISH:
            raise ValueError(
                f"the message {action!r} means nothing here: definitions are changed through the "
                "admin API"
            )
        options = {name: message[name] for name in ("channel", "cid") if message.get(name)}
        return self._service.invoke_async(message["service"], message.get("payload", ""), **options)
