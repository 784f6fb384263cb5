"""The format and the channel soap keep the contracts of their kinds."""

from __future__ import annotations

import socket
import string
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hansa_devkit.channel_contract import ChannelContract
from hansa_devkit.format_contract import FormatContract
from hansa_http.app import create_app
from hansa_http.frontend import HttpFrontend
from hansa_http.listener import Listener
from hansa_soap.channel import SoapChannel
from hansa_soap.format import SoapFormat
from hansa_xml.element import Element
from hansa_xml.text import presentable
from hypothesis import strategies as st

texts = st.text(st.characters(codec="utf-8"), max_size=20).filter(
    lambda text: "\ufffd" in text or "\ufffd" not in presentable(text)
)
names = st.text(string.ascii_letters, min_size=1, max_size=8).filter(lambda name: name != "item")


class TestSoap11(FormatContract):
    """Plain data is texts in dictionaries: XML does not tell a number from a text."""

    cls = SoapFormat
    version = "1.1"
    text = texts
    values = st.dictionaries(
        names, texts | st.dictionaries(names, texts, min_size=1, max_size=3), min_size=1
    )
    hostile = (
        b"",
        b"<a/>",
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>text</s:Body></s:Envelope>',
        b"<!DOCTYPE a><a/>",
        b"<a>" * 101 + b"</a>" * 101,
    )

    def make(self) -> Any:
        """With the settings of a channel."""
        return SoapFormat(SimpleNamespace(soap_version=self.version, service="a.b"))

    def same(self, sent: Any, arrived: Any) -> bool:
        """Bodies without a model arrive as elements."""
        return bool(sent == (arrived.to_data() if isinstance(arrived, Element) else arrived))


class TestSoap12(TestSoap11):
    """The same in the other version."""

    version = "1.2"


@pytest.mark.proves("channel soap", "guarantee")
class TestSoapChannel(ChannelContract):
    """The channel, behind a real listener."""

    cls = SoapChannel
    good = {"url_path": "/soap", "soap_action": "act"}
    earlier = ({"url_path": "/soap", "service": "echo", "url_params_pri": "path-over-qs"},)
    headers = {"soapaction": '"act"'}

    @pytest.fixture(autouse=True)
    def _listening(self) -> Iterator[None]:
        frontend = self.server.resource(HttpFrontend)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/soap"
            app = create_app(frontend.handler)
            listener = Listener(app, listening, frontend.section, frontend.gate)
            listener.start()
            yield
            listener.stop()

    def send(self, raw: bytes) -> None:
        """Post it with the action."""
        requests.post(
            self.url,
            data=raw,
            headers={"SOAPAction": '"act"', "Content-Type": "text/xml"},
            timeout=5,
        )
