"""The settings of the outgoing connection soap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from hansa import Invalid, setting
from hansa_http.address import HttpAddress
from hansa_soap.uploaded import LONGEST, read_document

WEB_SCHEMES = ("http", "https")


class SoapSettings(HttpAddress):
    """SOAP.

    Settings of the outgoing connection soap: those of http, and these.
    """

    soap_version: Annotated[Literal["1.1", "1.2"], setting("Version of SOAP")] = "1.1"
    soap_action: Annotated[
        str, setting("SOAPAction of bodies that are sent without one of their own")
    ] = ""
    wsdl: Annotated[
        str,
        setting(
            "WSDL of the operations: a file, or a URL at the host of the address; "
            "without one only bodies can be sent",
            example="https://api.example.com/quotes?wsdl",
        ),
    ] = ""
    wsdl_document: Annotated[
        str,
        setting(
            "WSDL of the operations, instead of what wsdl names; what it imports is looked for "
            "beside that, or at the address",
            multiline=True,
            advanced=True,
            max_length=LONGEST,
        ),
    ] = ""
    port: Annotated[
        str,
        setting("Port of the WSDL to use; empty for the first one of this version", advanced=True),
    ] = ""
    ws_addressing: Annotated[
        bool,
        setting("Send the headers of WS-Addressing 1.0 with operations (To, Action, MessageID)"),
    ] = False
    mtom: Annotated[
        bool,
        setting(
            "Send binary values of operations, and attachments, as MTOM (XOP packages); "
            "answers in MTOM are always read"
        ),
    ] = False
    understood_headers: Annotated[
        list[str],
        setting(
            "Headers of answers, as {namespace}name, that may be marked mustUnderstand",
            advanced=True,
        ),
    ] = []
    strict: Annotated[
        bool,
        setting(
            "Whether answers must be well-formed and have all that the WSDL demands; "
            "otherwise what can be read is read",
            advanced=True,
        ),
    ] = True
    xml_huge_tree: Annotated[
        bool,
        setting("Whether answers may hold single texts of more than 10 MB", advanced=True),
    ] = False

    def check(self) -> None:
        """Refuse a WSDL that is not there, or not at the host of the address; raises `Invalid`."""
        super().check()
        if self.wsdl_document:
            read_document(self.wsdl_document, self.soap_version)
        if is_web_address(self.wsdl):
            if not same_server(self.wsdl, self.address):
                host = urlsplit(self.address).netloc
                raise Invalid({"wsdl": f"is not at {host}, the host of the address"})
        elif self.wsdl and not Path(self.wsdl).is_file():
            raise Invalid({"wsdl": f"there is no file {self.wsdl}"})


def location_of(config: SoapSettings) -> str:
    """Return where the WSDL is, or would be: what it imports is looked for beside it."""
    return config.wsdl or f"{config.address}?wsdl"


def is_web_address(url: str) -> bool:
    """Return whether a URL is one of HTTP or HTTPS, and not a file."""
    return url.partition("://")[0] in WEB_SCHEMES


def same_server(url: str, address: str) -> bool:
    """Return whether two URLs have the same scheme, host and port."""
    return urlsplit(url)[:2] == urlsplit(address)[:2]
