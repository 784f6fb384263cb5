"""One connection to Odoo as services of the Zato dialect use it: `client()`, and models of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

from ..payloads import PlainDict, Value
from .entry import OpenConnection

POSITIONAL: Final[dict[str, tuple[str, ...]]] = {
    "create": ("vals_list",),
    "fields_get": ("allfields", "attributes"),
    "name_search": ("name", "args", "operator", "limit"),
    "search": ("domain", "offset", "limit", "order"),
    "search_count": ("domain",),
    "search_read": ("domain", "fields", "offset", "limit", "order"),
}
"""The parameters of methods of models, in their order."""
OF_RECORDS: Final[dict[str, tuple[str, ...]]] = {
    "read": ("fields",),
    "unlink": (),
    "write": ("vals",),
}
"""Those of methods of records, after the ids."""


class LiveOdoo(Protocol):
    """What is needed of Hansa's connection to Odoo."""

    def execute(
        self,
        model: str,
        method: str,
        /,
        ids: Value = None,
        *,
        context: Mapping[str, object] | None = None,
        **parameters: object,
    ) -> Value:
        """Call a method, with parameters by name."""

    def ping(self) -> str:
        """Check that the server answers."""


class OdooModel:
    """A model: its methods, as `search`, `read`, `create`, `write` and `unlink`.

    Parameters by position are those of these methods; of others, one is the ids of records.
    """

    def __init__(self, live: LiveOdoo, name: str) -> None:
        self._live = live
        self.model_name = name

    def __getattr__(self, method: str) -> Value:
        if method.startswith("_"):
            raise AttributeError(method)
        return partial(self._call, method)

    def _call(self, method: str, *arguments: object, **named: object) -> Value:
        ids, parameters = _by_name(method, arguments)
        given: PlainDict = {**parameters, **named}
        context: Value = given.pop("context", None)
        values = given.get("vals_list")
        makes_one = isinstance(values, Mapping)
        if makes_one:
            given["vals_list"] = [values]
        found = self._live.execute(self.model_name, method, ids, context=context, **given)
        if makes_one or (method == "read" and isinstance(ids, int)):
            return found[0]
        return found


class OdooClient:
    """What a service works with in a block: `get_model("res.partner")`."""

    def __init__(self, live: LiveOdoo) -> None:
        self._live = live

    def get_model(self, name: str) -> OdooModel:
        """Return a model by its name."""
        return OdooModel(self._live, name)


class OdooConnection(OpenConnection[LiveOdoo]):
    """`client()`, and what Hansa's own connection offers: `search_read`, `create`, `execute`."""

    @contextmanager
    def client(self, block: bool = True) -> Iterator[OdooClient]:
        """Lend a client for a block; Hansa's connection keeps the pool."""
        yield OdooClient(self._live())

    def ping(self, *ignored: object) -> str:
        """Check that the server answers; raises what is wrong."""
        return self._live().ping()


def _by_name(method: str, arguments: tuple[object, ...]) -> tuple[Value, PlainDict]:
    """Return the ids and the parameters that were given by position."""
    names = POSITIONAL.get(method)
    if names is not None:
        return None, _named(method, names, arguments)
    ids = arguments[0] if arguments else None
    return ids, _named(method, OF_RECORDS.get(method, ()), arguments[1:])


def _named(method: str, names: tuple[str, ...], arguments: tuple[object, ...]) -> PlainDict:
    if len(arguments) > len(names):
        raise TypeError(f"{method}() takes further parameters by name")
    return dict(zip(names, arguments, strict=False))
