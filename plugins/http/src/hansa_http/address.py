"""Where an outgoing HTTP connection leads, and how patiently: its settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from hansa import Invalid, Model, setting

VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class HttpAddress(Model):
    """Settings of the outgoing connection http. Times are seconds, sizes bytes."""

    address: Annotated[
        str,
        setting(
            "Address of the other side, without credentials",
            pattern="^https?://",
            example="https://api.example.com/v1",
        ),
    ]
    url_path: Annotated[
        str, setting("Path below the address; {name} is taken out of the parameters of a call")
    ] = ""
    format: Annotated[
        str,
        setting(
            "Data format of what is sent, and of answers that do not name theirs", refers="format"
        ),
    ] = ""
    security: Annotated[
        str | None, setting("Security definition that signs each call", refers="security")
    ] = None
    headers: Annotated[dict[str, str], setting("Headers sent with each call")] = {}
    timeout: Annotated[
        float,
        setting("Time to wait for a connection, and for each piece of an answer", gt=0, le=3600),
    ] = 10.0
    deadline: Annotated[
        float, setting("Time for a whole call, retries included, whatever happens", gt=0, le=86400)
    ] = 30.0
    retries: Annotated[
        int,
        setting(
            "How often a failed call is tried again, if it may be repeated without harm",
            ge=0,
            le=20,
        ),
    ] = 2
    retry_delay: Annotated[
        float,
        setting("Time before the first retry; it doubles with each", ge=0, le=600, advanced=True),
    ] = 0.2
    pool_size: Annotated[
        int, setting("Most connections at a time; further calls wait for one", ge=1, le=10_000)
    ] = 20
    max_response: Annotated[int, setting("Largest answer that is read", ge=1, advanced=True)] = (
        64 * 2**20
    )
    follow_redirects: Annotated[
        bool, setting("Whether to follow redirects, only ever to the same host", advanced=True)
    ] = True
    ping_method: Annotated[str, setting("Method of a ping", pattern="^[A-Z]+$", advanced=True)] = (
        "HEAD"
    )
    ping_path: Annotated[
        str,
        setting("Path of a ping, below the address; by default the path of calls", advanced=True),
    ] = ""
    verify: Annotated[
        bool | str,
        setting("Whether to verify certificates, or a file with the authorities to trust"),
    ] = True

    def check(self) -> None:
        """The address must be a plain URL, paths begin with a slash, the file exist."""
        faults: dict[str, str] = {}
        try:
            parts = urlsplit(self.address)
            if not parts.hostname or parts.port == 0:
                faults["address"] = "names no host"
            elif parts.username or parts.password:
                faults["address"] = "credentials belong into a security definition"
            elif parts.query or parts.fragment or re.search(r"[\s\x00-\x1f{}]", self.address):
                faults["address"] = (
                    "has a query, a fragment or characters that no address has; those belong into the path"
                )
        except ValueError as error:
            faults["address"] = str(error)
        for name in ("url_path", "ping_path"):
            path = getattr(self, name)
            if path and not path.startswith("/"):
                faults[name] = "a path begins with /"
            elif any(c in path for c in "#\r\n \t"):
                faults[name] = "has characters that no path has"
        if "{" in VARIABLE.sub("", self.url_path) or "}" in VARIABLE.sub("", self.url_path):
            faults["url_path"] = "the braces are not in pairs around a name"
        if isinstance(self.verify, str) and not Path(self.verify).exists():
            faults["verify"] = f"there is no file {self.verify}"
        if faults:
            raise Invalid(faults)
