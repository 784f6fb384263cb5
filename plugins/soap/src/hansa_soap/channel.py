"""The channel soap: a path and a SOAPAction that lead to a service, and the WSDL of all channels on
the path.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from dataclasses import field
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote
from wsgiref.types import WSGIEnvironment

from hansa import (
    HansaError,
    Invalid,
    NotFound,
    Request,
    Response,
    Server,
    Service,
    problem,
    setting,
)
from hansa_http.channel import AnyHttpChannel, HttpChannel, HttpPath, not_allowed
from hansa_http.charset import parameter_of
from hansa_http.frontend import HttpFrontend
from hansa_http.path import shown
from hansa_xml.document import current_document
from hansa_xml.format import check_namespace

from .attachments import NO_ATTACHMENTS, Attachments
from .format import SoapFormat, takes_packages
from .message import Message
from .related import (
    MOST_ATTACHMENTS,
    RELATED,
    Package,
    envelope_type,
    is_related,
    read_package,
    write_package,
)
from .uploaded import LONGEST, read_document, served
from .wsdl import Operation, wsdl

SoapVersion = Literal["1.1", "1.2"]
ATTACHMENTS = "attachments"
"""The name in a request's `extra` of its `Attachments`."""
_ACTION = re.compile(r';\s*action\s*=\s*(?:"([^"]*)"|([^;"\s]*))', re.I)


class SoapSettings(HttpPath):
    """SOAP."""

    soap_action: Annotated[
        str,
        setting(
            "SOAPAction of the channel, without quotes; empty takes any "
            "that no other channel on the path has",
            example="get-rates",
        ),
    ] = ""
    soap_version: Annotated[SoapVersion, setting("Version of SOAP")] = "1.1"
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
            "Headers, as {namespace}name, that may be marked mustUnderstand: the service handles them",
            advanced=True,
        ),
    ] = field(default_factory=list)
    max_attachments: Annotated[
        int,
        setting("Maximum number of attachments of a request", ge=0, le=10_000, advanced=True),
    ] = MOST_ATTACHMENTS
    mtom_over: Annotated[
        int,
        setting(
            "Size, in bytes, over which binary values of answers are sent as attachments (MTOM) "
            "to callers who use or accept it; 0 sends all as Base64",
            ge=0,
            advanced=True,
        ),
    ] = 1024
    wsdl: Annotated[
        bool, setting("Whether the WSDL is served to anybody, by GET with ?wsdl", advanced=True)
    ] = True
    wsdl_document: Annotated[
        str,
        setting(
            "WSDL that is served instead of the derived one; it stands for all channels on the path",
            multiline=True,
            advanced=True,
            max_length=LONGEST,
        ),
    ] = ""

    def check(self) -> None:
        """The action and the namespace must be what HTTP and XML can carry."""
        faults: dict[str, str] = {}
        action = self.soap_action
        if not action.isprintable() or not action.isascii() or '"' in action:
            faults["soap_action"] = "must be printable ASCII without quotes"
        try:
            check_namespace(self.namespace)
        except Invalid as invalid:
            faults.update(invalid.errors)
        try:
            super().check()
        except Invalid as invalid:
            faults.update(invalid.errors)
        if self.wsdl_document:
            try:
                read_document(self.wsdl_document, self.soap_version)
            except Invalid as invalid:
                faults.update(invalid.errors)
        if faults:
            raise Invalid(faults)


class WrongVersion(HansaError):
    """The request is of a version of SOAP that no channel on the path has for its action."""

    code = "wrong-soap-version"
    status = 415
    title = "Unsupported media type"
    outcome = "reject"


def version_of(environ: WSGIEnvironment) -> SoapVersion:
    """Return the version of SOAP that a request's content type names: only application/soap+xml is
    1.2. That of a message with attachments names it for the envelope.
    """
    content_type = envelope_type(environ.get("CONTENT_TYPE", ""))
    return "1.2" if content_type[:20].lower() == "application/soap+xml" else "1.1"


def action_of(environ: WSGIEnvironment) -> str:
    """Return the action of a request: the header SOAPAction without quotes; for 1.2 the content
    type's `action`, if any.
    """
    if version_of(environ) == "1.2":
        content_type = environ["CONTENT_TYPE"]
        if is_related(content_type):
            # beside the type of the envelope, or within it
            action = parameter_of(content_type, "action")
            if action:
                return action
            content_type = envelope_type(content_type)
        found = _ACTION.search(content_type)
        if found:
            return str(found[1] if found[1] is not None else found[2]).strip()
    return str(environ.get("HTTP_SOAPACTION", "")).strip().strip("\"'").strip()


class SoapChannel(HttpChannel[SoapSettings]):
    """Receives SOAP requests over HTTP, distinguished by path, version and action.

    Several may share a path. GET with ?wsdl at the path answers with one WSDL for all of them;
    `?wsdl=ACTION` with that of one. Services find the attachments of a request in its `extra`.
    """

    type: ClassVar[str] = "soap"
    default_format = "soap"

    def __init__(self, name: str, config: SoapSettings, server: Server) -> None:
        super().__init__(name, config, server)
        self.action = config.soap_action.strip()
        self.version = config.soap_version
        self._faults = SoapFormat(config)

    @staticmethod
    def allowed_methods(config: HttpPath) -> frozenset[str]:
        """Return POST, and what the WSDL is read by, if it is served."""
        served = isinstance(config, SoapSettings) and config.wsdl
        return frozenset(("POST", "GET", "HEAD") if served else ("POST",))

    @property
    def rank(self) -> int:
        """Before channels of plain HTTP on the same path; one for any action after those with an
        action.
        """
        return 3 if self.action else 2

    def ping(self) -> str:
        """Return the path and the action."""
        return f"SOAP {self.version} {self.config.url_path} {self.action or 'any action'}"

    def accepts(self, environ: WSGIEnvironment) -> bool:
        """Whether version and action are this channel's, or the WSDL is asked for."""
        method = environ["REQUEST_METHOD"]
        if method == "POST":
            if version_of(environ) != self.version:
                return False
            return not self.action or action_of(environ) == self.action
        return method in self.methods and _asks_for_wsdl(environ)

    def mismatch(self, environ: WSGIEnvironment, others: list[AnyHttpChannel]) -> HansaError:
        """Return the error for a request when no channel on the path has its action, version or
        method.
        """
        method = environ["REQUEST_METHOD"]
        if method != "POST":
            hint = "; GET needs ?wsdl" if method in self.methods else ""
            return not_allowed(method, others, hint)
        action = action_of(environ)
        for other in others:
            if isinstance(other, SoapChannel) and other.action in ("", action):
                return WrongVersion(
                    f"the action {action!r} is here in SOAP {other.version}, not {version_of(environ)}"
                )
        return self._no_action(action)

    def _no_action(self, action: str) -> NotFound:
        return NotFound(f"no SOAP channel at {self.config.url_path} has the action {action!r}")

    def answer(self, request: Request) -> Response:
        """Dispatch a message, or return the WSDL."""
        if request.method != "POST":
            return self._describe(request)
        if not request.raw:
            request.fault = Invalid("the request is empty: expected a SOAP Envelope")
        attachments = self._unpack(request)
        request.extra = {**request.extra, ATTACHMENTS: attachments}
        token = current_document.set(Message())
        try:
            if self.config.mtom_over and _takes_packages(request):
                response = self._dispatch_for_package(request)
            else:
                response = self.dispatch(request)
        finally:
            current_document.reset(token)
        if not response.raw and response.ok and response.status == 200:
            # a service that answers nothing still answers with an envelope
            response.raw = SoapFormat(self.config, self._service()).render(None)
            response.content_type = self._faults.content_type
        return response

    def _unpack(self, request: Request) -> Attachments:
        """Bring the envelope of a request into UTF-8, and return the attachments.

        PERF: nearly every request has none; asking the view of the headers would take 0.5 us.
        """
        content_type = (request.environ or {}).get("CONTENT_TYPE", "")
        if not is_related(content_type):
            self.transcode(request)
            return NO_ATTACHMENTS
        if request.fault is not None:
            return NO_ATTACHMENTS
        try:
            package = read_package(request.raw, content_type, self.config.max_attachments)
        except Invalid as invalid:
            request.fault = invalid
            return NO_ATTACHMENTS
        request.raw = package
        return package.attachments

    def _dispatch_for_package(self, request: Request) -> Response:
        """Dispatch a message whose answer may be a message of several parts."""
        token = takes_packages.set(True)
        try:
            response = self.dispatch(request)
        finally:
            takes_packages.reset(token)
        if isinstance(response.raw, Package):
            content_type = self._faults.content_type
            response.raw, response.content_type = write_package(response.raw, content_type)
        return response

    def fail(self, error: HansaError, request: Request) -> Response:
        """Return a fault, in the version that the caller speaks."""
        faults = self._faults_for(request)
        response = Response(problem(error, request.cid), status=error.status, cid=request.cid)
        response.raw, response.content_type = faults.render_error(error, request.cid)
        response.headers.update(error.headers)
        response.error = error
        response.outcome = error.outcome
        return response

    def _faults_for(self, request: Request) -> SoapFormat:
        if request.environ is None or request.method != "POST":
            return self._faults
        version = version_of(request.environ)
        if version == self.version:
            return self._faults
        return SoapFormat(SoapSettings(url_path=self.config.url_path, soap_version=version))

    def _service(self) -> builtins.type[Service]:
        return self.server.registry.service(self.settings.service).cls

    def _describe(self, request: Request) -> Response:
        """Return the WSDL of the channels on this path, for the address by which the caller has
        reached it.
        """
        try:
            wanted = request.extra.get("query", {}).get("wsdl") or ""
            if isinstance(wanted, list):
                wanted = wanted[0]
            channels = [
                channel
                for channel in self._beside()
                if channel.config.wsdl and wanted in ("", channel.action)
            ]
            if not channels:
                raise self._no_action(wanted)
            response = Response(cid=request.cid, content_type="text/xml; charset=utf-8")
            response.raw = _document(channels, _address(request))
            return response
        except HansaError as error:
            return self.fail(error, request)

    def _beside(self) -> list[SoapChannel]:
        """Return all SOAP channels on the same path, by name; of one that is being replaced, the
        new one.
        """
        found: dict[str, SoapChannel] = {}
        for channel in self.server.resource(HttpFrontend).table.channels():
            if isinstance(channel, SoapChannel) and channel.pattern == self.pattern:
                found.setdefault(channel.name, channel)
        return [found[name] for name in sorted(found)]

    @classmethod
    def claims(cls, config: SoapSettings) -> Iterable[str]:
        """Return the action on the path, in one version."""
        action = config.soap_action.strip() or "(any)"
        paths = [shown(pattern.canonical) for pattern in config.patterns()]
        return [f"SOAP {config.soap_version} action {action} {path}" for path in paths]


def _document(channels: list[SoapChannel], address: str) -> bytes:
    """Return the WSDL of channels on one path: the first that was uploaded, else the derived one."""
    for channel in channels:
        text = channel.config.wsdl_document
        if text:
            return served(text, channel.config.soap_version, address)
    operations = [Operation.of(channel.config, channel._service()) for channel in channels]
    return wsdl(operations, address)


def _takes_packages(request: Request) -> bool:
    """Return whether the caller uses MTOM, or says that it accepts it."""
    if isinstance(request.raw, Package):
        return request.raw.is_xop
    return RELATED in (request.environ or {}).get("HTTP_ACCEPT", "").lower()


def _asks_for_wsdl(environ: WSGIEnvironment) -> bool:
    query: str = environ.get("QUERY_STRING", "")
    return any(part.partition("=")[0].lower() == "wsdl" for part in query.split("&"))


def _address(request: Request) -> str:
    """Return the URL of the path as the caller wrote it, by the Host header (or what a trusted
    proxy says it was).
    """
    environ = request.environ or {}
    host = environ.get("HTTP_X_FORWARDED_HOST") or environ.get("HTTP_HOST")
    if not host:
        host = f"{environ.get('SERVER_NAME', 'localhost')}:{environ.get('SERVER_PORT', '80')}"
    return f"{environ.get('wsgi.url_scheme', 'http')}://{host}{quote(request.path, safe='/%')}"
