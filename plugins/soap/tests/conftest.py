"""A real HTTP server with SOAP channels, without the rest of Hansa."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hansa import Service, load
from hansa.contract.registry import RegisteredService
from hansa.contract.service import Binding
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route
from hansa_http.app import create_app
from hansa_http.early import HttpSection
from hansa_http.frontend import HttpFrontend
from hansa_http.listener import Listener
from hansa_soap.channel import SoapChannel
from hansa_soap.format import SoapFormat


class Site:
    """Channels at an address: `add` defines one for a service, `url` is where they are."""

    def __init__(self) -> None:
        self.server = SimpleNamespace(registry=Registry(), name="test", worker=0)
        self.server.registry.add_types("soap", [SoapChannel, SoapFormat])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        frontend = HttpFrontend(HttpSection())
        self.server.resource = {HttpFrontend: frontend}.get
        app = create_app(frontend.handler)
        self.listener = Listener(app, self.socket, frontend.section, frontend.gate)
        self.listener.refuse = frontend.handler.refuse
        self.listener.start()
        self.names: dict[str, type[Service]] = {}

    def add(
        self,
        service: type[Service],
        name: str = "",
        authenticate: Callable[[Any], Any] | None = None,
        **settings: Any,
    ) -> SoapChannel:
        service_name = service.get_name()
        self.names[service_name] = service
        self.server.registry.replace_services(
            "test", [RegisteredService(n, s, "test", 1) for n, s in self.names.items()]
        )
        model = self.server.registry.type("channel", "soap").model
        config = load(model, {"service": service_name, "url_path": "/soap", **settings})
        channel = SoapChannel(name or f"{service_name} {config.soap_action}", config, self.server)
        binding = Binding(
            service_name, self.server, SoapFormat(config, service), channel.name, "soap", config
        )
        channel.dispatch = compile_route(
            binding, service, channel=channel, authenticators=[authenticate] if authenticate else []
        )
        channel.start()
        return channel

    def close(self) -> None:
        self.listener.stop()
        self.socket.close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()
