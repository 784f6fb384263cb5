"""The settings of connections to Odoo."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, setting
from hansa_http.address import HttpAddress

Protocol = Literal["json-2", "xml-rpc"]


class OdooSettings(HttpAddress):
    """Odoo.

    Settings of the outgoing connection odoo: those of http, and these.
    """

    address: Annotated[
        str,
        setting(
            "Address of the server, without credentials",
            pattern="^https?://",
            example="https://example.odoo.com",
        ),
    ]
    protocol: Annotated[
        Protocol,
        setting(
            "How to talk to the server: json-2 since Odoo 19, xml-rpc before and until Odoo 21"
        ),
    ] = "json-2"
    database: Annotated[
        str,
        setting(
            "Name of the database; json-2 needs it only where a server has several of them",
            example="example",
        ),
    ] = ""
    page_size: Annotated[
        int, setting("Records that `search_all` asks for at a time", ge=1, le=100_000)
    ] = 500
    ping_method: Annotated[
        str,
        setting("Method of the first request of a ping", pattern="^[A-Z]+$", advanced=True),
    ] = "GET"
    ping_path: Annotated[
        str,
        setting("Path of the first request of a ping, below the address", advanced=True),
    ] = "/web/login"

    def check(self) -> None:
        """Refuse settings without a login, and without a database where it is needed; raises
        `Invalid`.
        """
        super().check()
        faults = {}
        if not self.security:
            supplies = "a token" if self.protocol == "json-2" else "a user name and a password"
            faults["security"] = f"required: a security definition that supplies {supplies}"
        if self.protocol == "xml-rpc" and not self.database:
            faults["database"] = "required by xml-rpc"
        if faults:
            raise Invalid(faults)
