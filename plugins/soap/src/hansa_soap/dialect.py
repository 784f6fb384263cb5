"""What a service of another dialect than the native one says of its messages."""

from __future__ import annotations

from typing import Protocol, TypeGuard, runtime_checkable

from hansa_xml.shapes import Hint


@runtime_checkable
class DescribesMessages(Protocol):
    """A class of services whose messages are not those of `Input` and `Output`.

    It needs not derive from this class; its response elements have no namespace but a declared one.
    """

    @classmethod
    def io_models(cls) -> tuple[Hint, Hint, str | None]:
        """Return the models of request and response, None for anything, and the response element,
        None for the one of the operation.
        """


def describes_messages(service: object) -> TypeGuard[DescribesMessages]:
    """Return whether a class of services describes its messages by `io_models`."""
    return isinstance(service, DescribesMessages)
