"""The modules of Python 2 under their names there: renamed, written anew, or with names that are gone.

They are made when a source imports them, and are in nobody's `sys.modules`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Final

from ..payloads import Value

RENAMED: Final = {
    "BaseHTTPServer": "http.server",
    "Cookie": "http.cookies",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "SimpleHTTPServer": "http.server",
    "SocketServer": "socketserver",
    "__builtin__": "builtins",
    "cookielib": "http.cookiejar",
    "copy_reg": "copyreg",
    "email.Encoders": "email.encoders",
    "email.Header": "email.header",
    "email.MIMEApplication": "email.mime.application",
    "email.MIMEAudio": "email.mime.audio",
    "email.MIMEBase": "email.mime.base",
    "email.MIMEImage": "email.mime.image",
    "email.MIMEMultipart": "email.mime.multipart",
    "email.MIMEText": "email.mime.text",
    "email.Utils": "email.utils",
    "htmlentitydefs": "html.entities",
    "httplib": "http.client",
    "robotparser": "urllib.robotparser",
    "thread": "_thread",
    "urlparse": "urllib.parse",
    "xmlrpclib": "xmlrpc.client",
}
"""The names that modules have in Python 3."""
WRITTEN_ANEW: Final = {
    "ConfigParser": "configuration",
    "StringIO": "texts",
    "cPickle": "pickles",
    "cStringIO": "texts",
    "urllib2": "requests",
}
"""Modules beside this one that stand for those of Python 2."""
EXTENDED: Final[Mapping[str, Mapping[str, str]]] = {
    "collections": {
        name: f"collections.abc:{name}"
        for name in (
            "Callable",
            "Container",
            "Hashable",
            "Iterable",
            "Iterator",
            "Mapping",
            "MutableMapping",
            "MutableSequence",
            "MutableSet",
            "Sequence",
            "Set",
            "Sized",
        )
    },
    "email": {
        name.removeprefix("email."): to for name, to in RENAMED.items() if name.startswith("email.")
    },
    "itertools": {
        "ifilter": "builtins:filter",
        "ifilterfalse": "itertools:filterfalse",
        "imap": "builtins:map",
        "izip": "builtins:zip",
        "izip_longest": "itertools:zip_longest",
    },
    "os": {"getcwdu": "os:getcwd"},
    "string": {
        "letters": "string:ascii_letters",
        "lowercase": "string:ascii_lowercase",
        "maketrans": "builtins:str.maketrans",
        "uppercase": "string:ascii_uppercase",
    },
    "sys": {"maxint": "sys:maxsize"},
    "time": {"clock": "time:process_time"},
    "types": {
        "BooleanType": "builtins:bool",
        "DictType": "builtins:dict",
        "FloatType": "builtins:float",
        "IntType": "builtins:int",
        "ListType": "builtins:list",
        "NoneType": "types:NoneType",
        "StringType": "builtins:str",
        "StringTypes": "hansa_zato.python2.names:TEXTS",
        "TupleType": "builtins:tuple",
        "UnicodeType": "builtins:str",
    },
    "urllib": {
        "pathname2url": "urllib.request:pathname2url",
        "quote": "urllib.parse:quote",
        "quote_plus": "urllib.parse:quote_plus",
        "unquote": "urllib.parse:unquote",
        "unquote_plus": "urllib.parse:unquote_plus",
        "url2pathname": "urllib.request:url2pathname",
        "urlencode": "urllib.parse:urlencode",
        "urlopen": "hansa_zato.python2.requests:urlopen",
        "urlretrieve": "urllib.request:urlretrieve",
        # submodules, which `import urllib` alone would not import
        "error": "urllib.error",
        "parse": "urllib.parse",
        "request": "urllib.request",
    },
}
"""Modules that are still there, with names in them that are gone: `module:name`, or a module."""


class Extended(ModuleType):
    """A module that is still there, with more names; what is set on it is set on the module itself."""

    def __init__(self, name: str, names: Mapping[str, str]) -> None:
        super().__init__(name)
        module = importlib.import_module(name)
        vars(self).update({"_module": module, "_names": names, "__doc__": module.__doc__})
        paths = getattr(module, "__path__", None)
        if paths is not None:
            vars(self)["__path__"] = paths
        vars(self)["__all__"] = sorted({*_public(module), *names})

    def __getattr__(self, name: str) -> Value:
        target = vars(self)["_names"].get(name)
        if target is None or hasattr(vars(self)["_module"], name):
            return getattr(vars(self)["_module"], name)
        return _resolve(target)

    def __dir__(self) -> list[str]:
        return sorted({*dir(vars(self)["_module"]), *vars(self)["_names"]})

    def __setattr__(self, name: str, value: object) -> None:
        setattr(vars(self)["_module"], name, value)


def _public(module: ModuleType) -> list[str]:
    """Return what `from module import *` gives."""
    named: list[str] | None = getattr(module, "__all__", None)
    return [name for name in vars(module) if name[0] != "_"] if named is None else list(named)


def _resolve(target: str) -> Value:
    """Return a module, or what `module:name` means."""
    module, _, names = target.partition(":")
    found: Value = importlib.import_module(module)
    for name in filter(None, names.split(".")):
        found = getattr(found, name)
    return found


@cache
def find(name: str) -> ModuleType | None:
    """Return the module that a source in Python 2 imports by a name; None for that of Python 3."""
    if name in RENAMED:
        return importlib.import_module(RENAMED[name])
    if name in WRITTEN_ANEW:
        return importlib.import_module(f"{__package__}.{WRITTEN_ANEW[name]}")
    if name in EXTENDED:
        return Extended(name, EXTENDED[name])
    return None
