"""Caches over HTTP, at the addresses and in the shapes of Zato: `/zato/cache/KEY` and
`/zato/cache/OPERATION/VARIANT/KEY`.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, ClassVar

from .cache import VARIANTS, ZatoCache
from .dialect.exceptions import BadRequest, NotFound
from .dialect.service import Service
from .payloads import PlainDict, Value
from .section import ZatoSection

if TYPE_CHECKING:
    from hansa import Server

_TRUE = frozenset(("true", "1", "yes", "on", "t", "y"))
_OPERATIONS = frozenset(("get", "set", "delete", "expire"))


class _CacheService(Service):
    """What both services read of a message."""

    abstract: ClassVar[bool] = True

    def given(self) -> PlainDict:
        """Return what the body and the address say; raises `BadRequest` for a body of another
        shape.
        """
        body = self.request.payload
        if body in (None, ""):
            body = {}
        if not isinstance(body, dict):
            raise BadRequest(self.cid, "the body is no JSON object", needs_msg=True)
        return {**body, **self.request.channel_params}

    def wanted_cache(self, given: PlainDict) -> ZatoCache:
        """Return the cache that a message names, by default the default one."""
        name = given.get("cache")
        try:
            return self.cache.builtin[str(name)] if name else self.cache.default
        except KeyError:
            raise NotFound(self.cid, f"No such cache `{name}`") from None

    def expiry(self, given: PlainDict) -> float:
        """Return the expiry in seconds that a message asks for, 0 if it asks for none."""
        try:
            return float(given.get("expiry") or 0.0)
        except (TypeError, ValueError):
            raise BadRequest(self.cid, "`expiry` is no number", needs_msg=True) from None

    def missing(self, key: str) -> NotFound:
        """Return the error for a key that has no entry."""
        return NotFound(self.cid, f"No such key `{key}`")


class SingleKey(_CacheService):
    """Reads, writes and deletes one entry."""

    name: ClassVar[str] = "zato.cache.builtin.pubapi.single-key-service"

    def handle_GET(self) -> None:
        """Answer the value of a key, or with `details` what is known of its entry."""
        given = self.given()
        key = str(given["key"])
        found = self.wanted_cache(given).get(key, None, details=True)
        if found is None and given.get("default") is None:
            raise self.missing(key)
        if found is None:
            self.response.payload = {"value": given["default"]}
        elif _is_true(given.get("details")):
            self.response.payload = {**found, "expires_at": _iso(found.expires_at)}
        else:
            self.response.payload = {"value": found.value}

    def handle_POST(self) -> None:
        """Keep a value, or only let its entry expire."""
        given = self.given()
        key, expiry = str(given["key"]), self.expiry(given)
        cache = self.wanted_cache(given)
        if given.get("value") not in (None, ""):
            previous = cache.set(key, given["value"], expiry)
            self._answer(given, previous)
        elif not expiry:
            text = "At least one of `value` or `expiry` is needed on input"
            raise BadRequest(self.cid, text, needs_msg=True)
        elif not cache.expire(key, expiry):
            raise self.missing(key)

    def handle_DELETE(self) -> None:
        """Delete an entry."""
        given = self.given()
        key = str(given["key"])
        try:
            previous = self.wanted_cache(given).delete(key)
        except KeyError:
            raise self.missing(key) from None
        self._answer(given, previous)

    def _answer(self, given: PlainDict, previous: Value) -> None:
        if _is_true(given.get("return_prev")):
            self.response.payload = {"prev_value": previous}


class ManyKeys(_CacheService):
    """Reads, writes, deletes all entries whose keys match, or lets them expire."""

    name: ClassVar[str] = "zato.cache.builtin.pubapi.multi-key-service"

    def handle(self) -> None:
        """Do it; answers the entries as they were if they are read, or `return_prev` is given."""
        given = self.given()
        operation = str(given["operation"])
        variant = str(given["variant"]).replace("-", "_")
        if operation not in _OPERATIONS or variant not in VARIANTS:
            raise NotFound(self.cid, f"There is no `{operation}/{variant}`")
        wanted = given["key"]
        if variant in ("contains_all", "contains_any") and isinstance(wanted, str):
            wanted = wanted.split(",")
        arguments = self._arguments(operation, given)
        act = getattr(self.wanted_cache(given), f"{operation}_{variant}")
        found = act(wanted, *arguments)
        if found is not None:
            name = "value" if operation == "get" else "prev_value"
            self.response.payload = [{"key": key, name: value} for key, value in found.items()]

    def _arguments(self, operation: str, given: PlainDict) -> list[Value]:
        if operation == "get":
            return []
        returns = _is_true(given.get("return_prev"))
        if operation == "delete":
            return [returns]
        expiry = self.expiry(given)
        if operation == "expire":
            return [expiry, returns]
        if given.get("value") is None:
            raise BadRequest(self.cid, "`value` is needed on input", needs_msg=True)
        return [given["value"], expiry, returns]


def cache_channels(server: Server) -> list[tuple[str, str, str, PlainDict]]:
    """Return the channels to both, if `[zato] cache_security` names who may call them."""
    security = server.section(ZatoSection).cache_security
    if not security or "cache" not in server.plugins.loaded:
        return []
    common = {"format": "json", "security": security}
    paths = {
        SingleKey.name: "/zato/cache/{key}",
        ManyKeys.name: "/zato/cache/{operation}/{variant}/{key}",
    }
    return [
        ("channel", "http", name, {"url_path": path, "service": name, **common})
        for name, path in paths.items()
    ]


def _is_true(value: Value) -> bool:
    return value is True or str(value).lower() in _TRUE


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(tzinfo=None).isoformat()
