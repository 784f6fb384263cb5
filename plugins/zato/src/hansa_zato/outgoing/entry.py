"""One connection by its name, and the base of what makes its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

from hansa import Model, NotFound, Unavailable, Undefined, dump

from ..bunch import Bunch
from ..dialect.exceptions import ConnectionException, Inactive
from ..payloads import Value

if TYPE_CHECKING:
    from hansa import Server

LiveT = TypeVar("LiveT")


class Entry:
    """One connection: `conn` to use it, `config` to look at its definition.

    The object of Hansa is looked up at each use, so edits of the definition take effect.
    """

    def __init__(self, server: Server, type: str, name: str, wrapper: Wrapper | None) -> None:
        self._server = server
        self._type = type
        self._wrapper = wrapper
        self.name = name

    def object(self) -> Value:
        """Return the live object of Hansa; raises its Undefined or Unavailable."""
        try:
            return self._server.objects.get("outgoing", self._type, self.name)
        except NotFound as error:
            raise Undefined.of(error) from None

    def live(self) -> Value:
        """Return the live object.

        Raises `Inactive` or `ConnectionException` if it cannot be used now.
        """
        try:
            return self.object()
        except Unavailable as error:
            if error.code == "inactive":
                raise Inactive(self.name) from error
            raise ConnectionException(None, error.detail) from error

    @property
    def component(self) -> str:
        """The name under which this server appears to the other side."""
        return str(getattr(self._server, "name", ""))

    @property
    def conn(self) -> Value:
        """What makes the calls."""
        return self.live() if self._wrapper is None else self._wrapper(self)

    @property
    def config(self) -> Bunch:
        """The settings, without secrets."""
        found = Bunch(name=self.name, is_active=True)
        try:
            settings = self.object().config
        except Unavailable:
            found.is_active = False
            return found
        if isinstance(settings, Model):
            found.update(dump(settings))
        return found

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.conn, name)


Wrapper: TypeAlias = Callable[[Entry], object]
"""Makes of an entry what services call."""


class Connection(Generic[LiveT]):
    """Base of what makes the calls of one connection.

    `LiveT` is what it needs of Hansa's own connection.
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def _live(self) -> LiveT:
        """Return Hansa's own connection as it is now.

        Raises `Inactive` or `ConnectionException`.
        """
        return cast(LiveT, self._entry.live())


class OpenConnection(Connection[LiveT]):
    """One through which everything else that Hansa's own connection offers can be called, too."""

    def __getattr__(self, name: str) -> Value:
        return getattr(self._entry.live(), name)
