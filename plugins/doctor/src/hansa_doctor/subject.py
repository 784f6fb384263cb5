"""What examinations know of a server: the component and the cluster that it belongs to."""

from __future__ import annotations

from hansa import ExaminedServer
from hansa_quickstart.component import Component
from hansa_quickstart.place import Place, home_of, open_place


def component_of(server: ExaminedServer) -> Component:
    """Return the server as a component."""
    return Component(server.config.parent)


def place_of(server: ExaminedServer) -> Place:
    """Return the server, with its ODB and Redis; raises `Failure`."""
    return open_place(server.config.parent)


def examined(component: Component) -> ExaminedServer:
    """Return a server as examinations are given it; raises `Failure`."""
    return ExaminedServer(component.config, home_of(component))


def parts_around(server: ExaminedServer) -> list[Component]:
    """Return the server, and the other parts of its quickstart cluster that are no servers: they
    have no other who examines them.
    """
    component = component_of(server)
    home = component.home
    if not component.exists or not home.exists:
        return [component]
    return [component, *(part for part in home.parts if part.kind != component.kind)]
