"""The channel soap: a path and a SOAPAction that lead to a service, and the WSDL of all channels on the path."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from hansa import HansaError, Invalid, NotAllowed, NotFound, Request, Response, problem, setting
from hansa_http.channel import HttpChannel, HttpPath
from hansa_http.pattern import Pattern
from hansa_http.table import table_of
from hansa_xml.format import check_namespace

from .format import SoapFormat
from .wsdl import Operation, wsdl

_ACTION = re.compile(r';\s*action\s*=\s*(?:"([^"]*)"|([^;"\s]*))', re.I)


class SoapSettings(HttpPath):
    """Settings of the channel soap."""

    soap_action: Annotated[
        str,
        setting(
            "SOAPAction that leads here, without quotes; empty takes any that no other channel on the path has",
            example="get-rates",
        ),
    ] = ""
    soap_version: Annotated[Literal["1.1", "1.2"], setting("Version of SOAP")] = "1.1"
    namespace: Annotated[
        str,
        setting(
            "Namespace of requests and responses; empty derives it from the service's name",
            advanced=True,
        ),
    ] = ""
    understood_headers: Annotated[
        list[str],
        setting(
            "Headers, as {namespace}name, that may ask to be understood: the service takes care of them",
            advanced=True,
        ),
    ] = field(default_factory=list)
    wsdl: Annotated[
        bool, setting("Whether the WSDL is served to anybody, by GET with ?wsdl", advanced=True)
    ] = True

    def check(self) -> None:
        """The action and the namespace must be what HTTP and XML can carry."""
        faults: dict[str, str] = {}
        if (
            not self.soap_action.isprintable()
            or not self.soap_action.isascii()
            or '"' in self.soap_action
        ):
            faults["soap_action"] = "must be printable ASCII without quotes"
        try:
            check_namespace(self.namespace)
        except Invalid as invalid:
            faults.update(invalid.errors)
        try:
            super().check()
        except Invalid as invalid:
            faults.update(invalid.errors)
        if faults:
            raise Invalid(faults)


class WrongVersion(HansaError):
    """The request is of a version of SOAP that no channel on the path has for its action."""

    status, title, outcome = 415, "Unsupported media type", "reject"


def version_of(environ: dict[str, Any]) -> Literal["1.1", "1.2"]:
    """The version of SOAP that a request's content type tells: only application/soap+xml is 1.2."""
    return (
        "1.2" if environ.get("CONTENT_TYPE", "")[:20].lower() == "application/soap+xml" else "1.1"
    )


def action_of(environ: dict[str, Any]) -> str:
    """The action of a request: the header SOAPAction without quotes; for 1.2 the content type's `action`, if it has one."""
    if version_of(environ) == "1.2":
        found = _ACTION.search(environ["CONTENT_TYPE"])
        if found:
            return str(found[1] if found[1] is not None else found[2]).strip()
    return str(environ.get("HTTP_SOAPACTION", "")).strip().strip("\"'").strip()


class SoapChannel(HttpChannel):
    """Receives SOAP requests over HTTP, told apart by path, version and action.

    Several may share a path. GET with ?wsdl at the path answers with one WSDL for all of them; `?wsdl=ACTION` with that of one.
    """

    type: ClassVar[str] = "soap"
    Config: ClassVar[builtins.type[Any]] = SoapSettings
    default_format = "soap"

    def __init__(self, name: str, config: Any, server: Any = None) -> None:
        super().__init__(name, config, server)
        self.methods = frozenset({"POST", "GET", "HEAD"} if config.wsdl else {"POST"})
        self.any_method = False
        self.action = config.soap_action.strip()
        self.version = config.soap_version
        self._faults = SoapFormat(config)

    @property
    def rank(self) -> int:
        """Before channels of plain HTTP on the same path; one for any action after those with an action."""
        return 3 if self.action else 2

    def ping(self) -> str:
        """Where it is found, and under which action."""
        return f"SOAP {self.version} {self.config.url_path} {self.action or 'any action'}"

    def accepts(self, environ: dict[str, Any]) -> bool:
        """Whether version and action are this channel's, or the WSDL is asked for."""
        if environ["REQUEST_METHOD"] == "POST":
            return version_of(environ) == self.version and (
                not self.action or action_of(environ) == self.action
            )
        return (
            self.config.wsdl
            and environ["REQUEST_METHOD"] in ("GET", "HEAD")
            and _asks_for_wsdl(environ)
        )

    def mismatch(self, environ: dict[str, Any], others: list[HttpChannel]) -> HansaError:
        """What to tell the caller when no channel on the path has this action, version or method."""
        if environ["REQUEST_METHOD"] != "POST":
            allowed = ", ".join(
                sorted({method for channel in others for method in channel.methods} | {"OPTIONS"})
            )
            hint = (
                "; GET needs ?wsdl"
                if self.config.wsdl and environ["REQUEST_METHOD"] in ("GET", "HEAD")
                else ""
            )
            return NotAllowed(
                f"{environ['REQUEST_METHOD']} is not allowed here; {allowed} are{hint}",
                headers={"Allow": allowed},
            )
        action = action_of(environ)
        alike = [c for c in others if isinstance(c, SoapChannel) and c.action in ("", action)]
        if alike:
            return WrongVersion(
                f"the action {action!r} is here in SOAP {alike[0].version}, not {version_of(environ)}"
            )
        return NotFound(f"no SOAP channel at {self.config.url_path} has the action {action!r}")

    def answer(self, request: Request) -> Response:
        """Dispatch a message, or give the WSDL."""
        if request.method != "POST":
            return self._describe(request)
        response = self.dispatch(request)
        if not response.raw and response.ok and response.status == 200:
            response.raw = self._empty().render(
                None
            )  # a service that answers nothing still answers with an envelope
            response.content_type = self._faults.content_type
        return response

    def fail(self, error: HansaError, request: Request) -> Response:
        """A fault, in the version that the caller speaks."""
        faults = self._faults
        if request.environ is not None and request.method == "POST":
            version = version_of(request.environ)
            if version != self.version:
                faults = SoapFormat(
                    SoapSettings(url_path=self.config.url_path, soap_version=version)
                )
        response = Response(problem(error, request.cid), status=error.status, cid=request.cid)
        response.raw, response.content_type = faults.render_error(error, request.cid)
        response.headers.update(error.headers)
        response.error, response.outcome = error, error.outcome
        return response

    def _empty(self) -> SoapFormat:
        return SoapFormat(self.config, self.server.registry.service(self.config.service).cls)

    def _describe(self, request: Request) -> Response:
        """The WSDL of the channels on this path, for the address by which the caller has reached it."""
        try:
            wanted = request.extra.get("query", {}).get("wsdl") or ""
            if isinstance(wanted, list):
                wanted = wanted[0]
            operations = [
                Operation.of(
                    channel.config, self.server.registry.service(channel.config.service).cls
                )
                for channel in self._beside()
                if channel.config.wsdl and wanted in ("", channel.action)
            ]
            if not operations:
                raise NotFound(
                    f"no SOAP channel at {self.config.url_path} has the action {wanted!r}"
                )
            response = Response(cid=request.cid, content_type="text/xml; charset=utf-8")
            response.raw = wsdl(operations, _address(request))
            return response
        except HansaError as error:
            return self.fail(error, request)

    def _beside(self) -> list[SoapChannel]:
        """All SOAP channels on the same path, by name; of one that is being replaced, the new one."""
        found: dict[str, SoapChannel] = {}
        for channel in table_of(self.server).channels():
            if isinstance(channel, SoapChannel) and channel.pattern == self.pattern:
                found.setdefault(channel.name, channel)
        return [found[name] for name in sorted(found)]

    @classmethod
    def claims(cls, config: Any) -> Iterable[str]:
        """An action on a path, in one version."""
        path = Pattern(config.url_path, config.match_slash).canonical
        return [f"SOAP {config.soap_version} action {config.soap_action.strip() or '(any)'} {path}"]


def _asks_for_wsdl(environ: dict[str, Any]) -> bool:
    return any(
        part.partition("=")[0].lower() == "wsdl"
        for part in environ.get("QUERY_STRING", "").split("&")
    )


def _address(request: Request) -> str:
    """The URL of the path as the caller wrote it, by the Host header (or what a trusted proxy says it was)."""
    environ = request.environ or {}
    host = environ.get("HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST")
    if not host:
        host = f"{environ.get('SERVER_NAME', 'localhost')}:{environ.get('SERVER_PORT', '80')}"
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}{quote(request.path)}"
