"""Calls by XML-RPC (`/xmlrpc/2`) of Odoo 12 to 21: written and read by the standard library."""

from __future__ import annotations

import re
import threading
import xmlrpc.client
from collections.abc import Callable
from typing import NoReturn, cast
from xml.parsers import expat

from hansa import HansaError, Invalid, Login
from hansa_http.response import BadAnswer

from .calls import Call
from .faults import LoginRefused, fault_of
from .json2 import Post
from .values import Value

HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
CHECK_LOGIN = (
    "check the setting database, and the user name and password in the definition that the "
    "setting security names"
)
_NAMES = {2: "UserError", 4: "AccessError"}
"""Exceptions by the fault codes of Odoo (addons/rpc)."""
_DENIED = 3
_FIRST = {
    "create": "vals_list",
    "search": "domain",
    "search_count": "domain",
    "write": "vals",
}
"""Parameters that are passed by position: their names differ between versions of Odoo."""
_NOTHING = "TypeError: cannot marshal None"
_LONGEST_REASON = 1000
_UNREADABLE = (
    expat.ExpatError,
    xmlrpc.client.Error,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What the standard library raises for what is no XML-RPC."""
_MOST_DEPTH = 200
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML 1.0 does not have."""


class XmlRpcCaller:
    """Calls one database, logged in as `login` says at that moment."""

    def __init__(self, label: str, database: str, post: Post, login: Callable[[], Login]) -> None:
        self._label = label
        self._database = database
        self._post = post
        self._login = login
        self._guard = threading.Lock()
        self._known: tuple[str, str, int] | None = None

    def call(self, call: Call) -> Value:
        """Return what a method answers; raises `OdooFault`, and what requests raise."""
        parameters = dict(call.parameters)
        arguments: list[Value] = [] if call.ids is None else [list(call.ids)]
        first = _FIRST.get(call.method, "")
        if first in parameters:
            arguments.append(parameters.pop(first))
        if call.context:
            parameters["context"] = dict(call.context)
        user, password, uid = self._logged_in()
        names: list[Value] = [self._database, uid, password, call.model, call.method]
        try:
            return self._ask("object", "execute_kw", [*names, arguments, parameters])
        except LoginRefused:
            self._forget((user, password, uid))
            raise

    def check(self) -> str:
        """Log in, and return as whom; raises what keeps that from working."""
        self._forget(self._known)
        user, _, uid = self._logged_in()
        return f"logged in as {user} ({uid})"

    # -- login -------------------------------------------------------------------------------------

    def _logged_in(self) -> tuple[str, str, int]:
        """Return user name, password and the number of the user, which Odoo is asked for once."""
        login = self._login()
        if login.means != "password":
            fault = f"supplies a {login.means}; xml-rpc takes a user name and a password"
            raise Invalid({"security": fault})
        user, password = login.username, str(login.password or "")
        with self._guard:
            known = self._known
        if known is not None and known[:2] == (user, password):
            return known
        uid = self._ask("common", "authenticate", [self._database, user, password, {}])
        if not isinstance(uid, int) or not uid:
            raise self._denied(user)
        found = (user, password, uid)
        with self._guard:
            self._known = found
        return found

    def _forget(self, known: tuple[str, str, int] | None) -> None:
        with self._guard:
            if self._known == known:
                self._known = None

    def _denied(self, user: str) -> LoginRefused:
        return LoginRefused(f"{self._label}: Odoo refuses the credentials of {user}; {CHECK_LOGIN}")

    # -- the protocol ------------------------------------------------------------------------------

    def _ask(self, service: str, method: str, arguments: list[Value]) -> Value:
        body = self._written(method, arguments)
        answer = self._post(f"/xmlrpc/2/{service}", body, HEADERS)
        if answer.status != 200:
            fault = f"{self._label} was answered with status {answer.status}"
            if answer.status == 404:
                fault += "; check the settings address and protocol"
            raise BadAnswer(fault)
        try:
            return read(answer.content)
        except xmlrpc.client.Fault as fault:
            if _NOTHING in fault.faultString:
                return None  # the method was carried out, and Odoo cannot write its answer
            raise self._refusal(fault) from None
        except BadAnswer as error:
            raise BadAnswer(f"{self._label}: {error.detail}") from error.__cause__

    def _written(self, method: str, arguments: list[Value]) -> bytes:
        try:
            text = xmlrpc.client.dumps(tuple(arguments), method, allow_none=True)
            # a parser would take a carriage return for a line end
            body = text.replace("\r", "&#13;").encode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Invalid(f"the parameters cannot be written as XML-RPC: {error}") from error
        if _CONTROL.search(text):
            raise Invalid("the parameters have control characters, which XML-RPC does not carry")
        return body

    def _refusal(self, fault: xmlrpc.client.Fault) -> HansaError:
        if fault.faultCode == _DENIED:
            known = self._known
            return self._denied(known[0] if known else "its user")
        text = fault.faultString.strip()
        name = _NAMES.get(fault.faultCode, "") or _name_in(text)
        return fault_of(self._label, name, text[-_LONGEST_REASON:])


def read(content: bytes) -> Value:
    """Return the value in a response.

    Raises `xmlrpc.client.Fault` for the fault in it, and `BadAnswer` for what is no XML-RPC, has a
    DOCTYPE or is nested too deep.
    """
    values = xmlrpc.client.Unmarshaller(use_builtin_types=True)
    values.xml("", None)  # texts come decoded
    parser = expat.ParserCreate()
    parser.StartElementHandler = _Opened(values)
    parser.EndElementHandler = parser.StartElementHandler.end
    parser.CharacterDataHandler = values.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(content, True)
        found = cast(tuple[Value, ...], values.close())
    except xmlrpc.client.Fault:
        raise
    except _UNREADABLE as error:
        raise BadAnswer(f"the answer is not XML-RPC: {type(error).__name__}") from error
    if len(found) != 1:
        raise BadAnswer("the answer is not XML-RPC: it has not one value")
    return found[0]


class _Opened:
    """Hands elements on to what makes values of them, to a depth that is sane."""

    def __init__(self, values: xmlrpc.client.Unmarshaller) -> None:
        self._values = values
        self._depth = 0

    def __call__(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise BadAnswer(f"the answer is nested more than {_MOST_DEPTH} deep")
        self._values.start(tag, attributes)

    def end(self, tag: str) -> None:
        """Hand the end of an element on."""
        self._depth -= 1
        self._values.end(tag)


def _refuse_doctype(*declaration: object) -> NoReturn:
    raise BadAnswer("the answer has a DOCTYPE, which is refused")


def _name_in(text: str) -> str:
    """Return the name of the exception at the end of a traceback."""
    last = text.rpartition("\n")[2]
    name, colon, _ = last.partition(":")
    return name if colon and name.replace(".", "").replace("_", "").isalnum() else ""
