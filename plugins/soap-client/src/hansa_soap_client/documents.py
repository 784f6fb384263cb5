"""What zeep reads and sends through: documents from the configured place only, kept on disk, calls over the http client."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hansa import HansaError, Invalid
from hansa_http.response import HttpResponse
from lxml import etree

from .settings import SoapAddress, same_place

log = logging.getLogger("hansa.soap")
Call = Callable[..., HttpResponse]


class Documents:
    """A transport as zeep expects one. `fetch(url)` and `post(body, headers)` are those of the connection; `kept` is a folder.

    A document that cannot be fetched is taken from the folder, if it was fetched before: a restart needs nobody else.
    """

    def __init__(
        self, config: SoapAddress, fetch: Callable[[str], bytes], post: Call, kept: Path
    ) -> None:
        self.config, self._fetch, self._post, self.kept = config, fetch, post, kept

    def load(self, url: str) -> bytes:
        """The bytes of a WSDL or schema; raises `Invalid` for one from elsewhere."""
        if url.partition("://")[0] not in ("http", "https"):
            folder, path = (
                Path(self.config.wsdl).resolve().parent,
                Path(url.removeprefix("file://")).resolve(),
            )
            if not path.is_relative_to(folder) or self.config.wsdl.startswith("http"):
                raise Invalid({"wsdl": f"refers to {url}, which is not in {folder}"})
            return path.read_bytes()
        if not same_place(url, self.config.address):
            raise Invalid(
                {
                    "wsdl": f"refers to {url}, which is not at {self.config.address}; keep copies in a folder"
                }
            )
        file = self.kept / hashlib.sha256(url.encode()).hexdigest()
        try:
            content = self._fetch(url)
        except HansaError as error:
            if not file.exists():
                raise
            log.warning("%s; the copy of before is used", error.detail)
            return file.read_bytes()
        self.kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(content)
        fresh.replace(file)
        return content

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> Any:
        """Send an envelope. The address in the WSDL does not count, that of the connection does."""
        answer = self._post(message, headers)
        return SimpleNamespace(
            status_code=answer.status,
            headers=answer.headers,
            content=answer.content,
            encoding=answer.encoding,
        )

    def post_xml(self, address: str, envelope: etree._Element, headers: Mapping[str, str]) -> Any:
        """Send an envelope given as an element."""
        return self.post(
            address, etree.tostring(envelope, encoding="utf-8", xml_declaration=True), headers
        )
