"""The password of the user `admin` of a cluster."""

from __future__ import annotations

from hansa_cli.location import locate_password

from .component import SERVER, Component


def admin_password(component: Component) -> str:
    """Return the password in the environment, else that of the server, or of the cluster's first
    one.

    It is empty if there is none.
    """
    server = component if component.kind == SERVER else component.part(SERVER)
    folder = component.folder if server is None else server.folder
    located = locate_password(None, folder)
    return "" if located is None else located.value
