"""Where an outgoing SOAP connection leads: that of HTTP, the version of SOAP, and the WSDL if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from hansa import Invalid, setting
from hansa_http.address import HttpAddress


class SoapAddress(HttpAddress):
    """Settings of the outgoing connection soap: those of http, and these."""

    soap_version: Annotated[Literal["1.1", "1.2"], setting("Version of SOAP")] = "1.1"
    soap_action: Annotated[str, setting("SOAPAction of bodies sent without one of their own")] = ""
    wsdl: Annotated[
        str,
        setting(
            "WSDL that names the operations: a file, or a URL at the host of the address; without one only bodies can be sent",
            example="https://api.example.com/quotes?wsdl",
        ),
    ] = ""
    port: Annotated[
        str,
        setting(
            "Port of the WSDL to use; by default the first of this version of SOAP", advanced=True
        ),
    ] = ""
    ws_addressing: Annotated[
        bool,
        setting(
            "Whether operations carry the headers of WS-Addressing 1.0 (To, Action, MessageID)"
        ),
    ] = False

    def check(self) -> None:
        """The WSDL must be a file that is there, or at the host of the address: nothing is fetched from elsewhere."""
        super().check()
        if self.wsdl.partition("://")[0] in ("http", "https"):
            if not same_place(self.wsdl, self.address):
                raise Invalid(
                    {"wsdl": f"is not at {urlsplit(self.address).netloc}, the host of the address"}
                )
        elif self.wsdl and not Path(self.wsdl).is_file():
            raise Invalid({"wsdl": f"there is no file {self.wsdl}"})


def same_place(url: str, address: str) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return urlsplit(url)[:2] == urlsplit(address)[:2]
