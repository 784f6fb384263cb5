"""Calls by the JSON-2 API of Odoo 19 and newer: one HTTP request each, parameters by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec
from hansa import HansaError, Invalid
from hansa_http.response import BadAnswer, HttpResponse

from .calls import Call
from .faults import LoginRefused, fault_of
from .values import Value

Post: TypeAlias = Callable[[str, bytes, Mapping[str, str]], HttpResponse]
"""Posts a body, with headers, to a path below the address."""

UNAUTHORIZED = 401
CHECK_KEY = (
    "check that the definition which the setting security names has an API key that is still valid"
)


class _Told(msgspec.Struct):
    """An error as the API tells it; its traceback is not read."""

    name: str = ""
    message: str = ""


class Json2Caller:
    """Calls one database; `label` is what errors call the connection."""

    def __init__(self, label: str, database: str, post: Post) -> None:
        self._label = label
        self._post = post
        self._headers = {"Content-Type": "application/json; charset=utf-8"}
        if database:
            self._headers["X-Odoo-Database"] = database

    def call(self, call: Call) -> Value:
        """Return what a method answers; raises `OdooFault`, and what requests raise."""
        body: dict[str, Value] = dict(call.parameters)
        if call.ids is not None:
            body["ids"] = list(call.ids)
        if call.context:
            body["context"] = dict(call.context)
        answer = self._post(f"/json/2/{call.model}/{call.method}", _written(body), self._headers)
        if answer.status != 200:
            raise self._refusal(answer)
        found: Value = answer.json()
        return found

    def check(self) -> str:
        """Log in, and return as whom; raises what keeps that from working."""
        self.call(Call("res.users", "context_get", None, {}, {}))
        return "logged in by the API key"

    def _refusal(self, answer: HttpResponse) -> HansaError:
        if answer.status == UNAUTHORIZED:
            return LoginRefused(f"{self._label}: Odoo refuses the credentials; {CHECK_KEY}")
        try:
            told = msgspec.json.decode(answer.content, type=_Told)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            told = _Told()
        if told.name:
            return fault_of(self._label, told.name, told.message)
        fault = f"{self._label} was answered with status {answer.status}"
        if answer.status == 404:
            fault += "; check the settings address, protocol (json-2 needs Odoo 19) and database"
        return BadAnswer(fault)


def _written(body: dict[str, Value]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"the parameters cannot be written as JSON: {error}") from error
