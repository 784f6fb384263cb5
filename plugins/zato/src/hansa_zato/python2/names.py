"""The built-in names of Python 2 that Python 3 does not have."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from ..payloads import Value
from .modules import Extended

TEXTS: Final = (str, bytes)
"""The types that were `basestring` in Python 2."""
ATTRIBUTE: Final = "__python2_attribute__"
"""The hidden name of what looks up the attributes in `GONE`."""
GONE: Final[Mapping[str, str]] = {
    "has_key": "__contains__",
    "iteritems": "items",
    "iterkeys": "keys",
    "itervalues": "values",
    "viewitems": "items",
    "viewkeys": "keys",
    "viewvalues": "values",
}
"""The methods of dictionaries that are gone, and those that they lead to."""


class _TextType(type):
    """Makes texts and bytes instances of `basestring`."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, TEXTS)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, TEXTS)


class basestring(metaclass=_TextType):
    """What both kinds of text are instances of."""


class _UnicodeType(type):
    """Makes texts instances of `unicode`."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, str)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, str)

    def __eq__(cls, other: object) -> bool:
        return other is str or other is cls

    def __hash__(cls) -> int:
        return hash(str)


class unicode(str, metaclass=_UnicodeType):
    """Text; of bytes it is what they mean, in UTF-8 unless an encoding is given."""

    __slots__ = ()

    def __new__(cls, value: object = "", encoding: str = "utf-8", errors: str = "strict") -> Any:
        """Return a text."""
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).decode(encoding, errors)
        return str(value)


def cmp(a: Any, b: Any) -> int:
    """Return -1, 0 or 1: how two values compare."""
    return int(a > b) - int(a < b)


def apply(
    function: Callable[..., Value], args: tuple[object, ...] = (), kwargs: Mapping[str, object] = {}
) -> Value:
    """Return what a function returns for arguments."""
    return function(*args, **kwargs)


def reload(module: ModuleType) -> ModuleType:
    """Import a module again; `sys` is left alone, whose default encoding is always UTF-8."""
    if isinstance(module, Extended) or module is sys:
        return module
    return importlib.reload(module)


def attribute_of(value: object, name: str) -> Value:
    """Return an attribute; of dictionaries also one that is gone, such as `iteritems`."""
    try:
        return getattr(value, name)
    except AttributeError:
        if not hasattr(value, GONE[name]):
            raise
    method: Callable[..., Value] = getattr(value, GONE[name])
    return _iterating(method) if name.startswith("iter") else method


def _iterating(method: Callable[[], Value]) -> Callable[[], Iterator[Value]]:
    return lambda: iter(method())


BUILTINS: Final[Mapping[str, object]] = {
    "apply": apply,
    "basestring": basestring,
    "cmp": cmp,
    "intern": sys.intern,
    "long": int,
    "reduce": functools.reduce,
    "reload": reload,
    "unichr": chr,
    "unicode": unicode,
    "xrange": range,
    ATTRIBUTE: attribute_of,
}
