"""The transport of zeep: it reads documents and sends envelopes through the outgoing connection."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hansa import HansaError, Invalid, replace_file
from hansa_http.response import BadAnswer, HttpResponse
from hansa_xml.parser import parse
from lxml import etree

from .settings import SoapSettings, is_web_address, same_server

_MOST_LOADS = 20
"""How often one document may be asked for until it is taken for one that imports itself."""

_MOST_DOCUMENTS = 1000
"""The most documents that a WSDL may consist of; those of whole industries have some hundreds."""

log = logging.getLogger("hansa.soap")

Fetch: TypeAlias = Callable[[str], bytes]
Post: TypeAlias = Callable[[bytes, Mapping[str, str]], HttpResponse]


@dataclass(frozen=True, slots=True)
class ZeepResponse:
    """An answer as zeep expects it."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str


class Documents:
    """A transport as zeep expects one, over the functions of the connection.

    Documents come from the configured place only. They are kept in the folder `kept`, if there is
    one: what cannot be fetched is taken from there, so that a restart needs nobody else. `latest`
    is the one that was asked for last.
    """

    def __init__(
        self, config: SoapSettings, fetch: Fetch, post: Post, kept: Path | None = None
    ) -> None:
        self._config = config
        self._fetch = fetch
        self._post = post
        self._kept = kept
        self._loads: Counter[str] = Counter()
        self.latest = ""

    def load(self, url: str) -> bytes:
        """Return a WSDL or schema.

        Raises `Invalid`, which names it, for one from elsewhere, one that is not there, one that
        imports itself without end, or one too many.
        """
        self.latest = url
        self._loads[url] += 1
        if self._loads[url] > _MOST_LOADS:
            raise Invalid({"wsdl": f"imports {url} again and again"})
        if self._config.wsdl_document and self._loads.total() == 1:
            root = parse(self._config.wsdl_document)
            return etree.tostring(root, encoding="utf-8", xml_declaration=True)
        if len(self._loads) > _MOST_DOCUMENTS:
            fault = f"has more than {_MOST_DOCUMENTS} documents, {url} is one too many"
            raise Invalid({"wsdl": fault})
        if is_web_address(url):
            return self._load_from_web(url)
        return self._load_file(url)

    def _load_file(self, url: str) -> bytes:
        if not self._config.wsdl:
            raise Invalid({"wsdl": f"refers to {url}, a file: an uploaded one may refer to none"})
        folder = Path(self._config.wsdl).resolve().parent
        path = Path(url.removeprefix("file://")).resolve()
        if is_web_address(self._config.wsdl) or not path.is_relative_to(folder):
            raise Invalid({"wsdl": f"refers to {url}, which is not in {folder}"})
        try:
            return path.read_bytes()
        except OSError as error:
            fault = f"refers to {url}, which cannot be read: {error.strerror}"
            raise Invalid({"wsdl": fault}) from None

    def _load_from_web(self, url: str) -> bytes:
        address = self._config.address
        if not same_server(url, address):
            fault = f"refers to {url}, which is not at {address}; keep copies in a folder"
            raise Invalid({"wsdl": fault})
        if self._kept is None:
            return self._fetch(url)
        copy = self._kept / hashlib.sha256(url.encode()).hexdigest()
        try:
            content = self._fetch(url)
        except HansaError as error:
            if not copy.exists():
                raise
            log.warning("%s; the copy that was kept is used", error.detail)
            return copy.read_bytes()
        replace_file(copy, content)
        return content

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> ZeepResponse:
        """Send an envelope; the address in the WSDL does not count, that of the connection does."""
        answer = self._post(message, headers)
        try:
            content = answer.utf8
        except Invalid as invalid:
            fault = f"{answer.connection}: the answer cannot be read: {invalid.detail}"
            raise BadAnswer(fault) from None
        return ZeepResponse(answer.status, answer.headers, content, "utf-8")

    def post_xml(
        self, address: str, envelope: etree._Element, headers: Mapping[str, str]
    ) -> ZeepResponse:
        """Send an envelope that is an element."""
        message = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        return self.post(address, message, headers)
