"""The settings of connections to OpenStack Swift."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from hansa import Invalid, Model, Secret, setting
from hansa_connect.files import is_clean
from hansa_connect.login import ChannelLogin, CredentialSettings, OutgoingLogin, login_source
from hansa_connect.object_settings import MIB, ObjectSendingSettings, ObjectWatchSettings
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsTrust

LONGEST_CONTAINER = 256
"""Bytes that the name of a container may have."""
_URL = r"^https?://[^?#@\s]+$"
_PROJECT_SETTINGS = ("project", "project_id")


class IdentitySettings(CredentialSettings):
    """Login.

    Who logs in, where, and to which project.
    """

    auth_url: Annotated[
        str,
        setting(
            "Address of the service that checks logins: of Keystone, or with v1password the whole "
            "address, such as https://objects.example.com/auth/v1.0",
            pattern=_URL,
            example="https://identity.example.com/v3",
        ),
    ]
    auth_type: Annotated[
        Literal["v3password", "v3applicationcredential", "v1password"],
        setting(
            "How to log in: to Keystone v3 by password; to Keystone v3 by an application credential, "
            "whose id is the username and whose secret is the password; or to Swift itself (v1, "
            "tempauth)"
        ),
    ] = "v3password"
    user_domain: Annotated[
        str, setting("Domain of the user, for v3password", min_length=1, advanced=True)
    ] = "Default"
    project: Annotated[str, setting("Project, for v3password", example="billing")] = ""
    project_id: Annotated[
        str, setting("Identifier of the project, instead of its name", advanced=True)
    ] = ""
    project_domain: Annotated[
        str, setting("Domain of the project, for v3password", min_length=1, advanced=True)
    ] = "Default"

    def check(self) -> None:
        """Refuse a login without what its type needs, or with what it does not use.

        Raises `Invalid`.
        """
        super().check()
        faults = self._faults_of_login()
        given = [name for name in _PROJECT_SETTINGS if getattr(self, name)]
        if self.auth_type != "v3password":
            faults.update(dict.fromkeys(given, 'belongs to auth_type = "v3password"'))
        elif len(given) == 2:
            faults["project_id"] = "give either this or project"
        elif not given:
            faults["project"] = "auth_type = v3password needs it, or project_id"
        if faults:
            raise Invalid(faults)

    def _faults_of_login(self) -> dict[str, str]:
        source, name = login_source(self)
        faults: dict[str, str] = {}
        if not name and not self.username:
            faults["username"] = f"give one, or {source}"
        if not name and self.password is None:
            faults["password"] = f"give one, or {source}"
        return faults


class StorageSettings(Model):
    """Object store.

    Where the objects are, as a part of what the login tells.
    """

    region: Annotated[
        str, setting("Region, if the catalog of Keystone has several", example="RegionOne")
    ] = ""
    interface: Annotated[
        Literal["public", "internal", "admin"],
        setting("Which address of the catalog of Keystone is used", advanced=True),
    ] = "public"
    storage_url: Annotated[
        str,
        setting(
            "Address of the account, instead of the one that the login tells",
            pattern=r"^(https?://[^?#@\s]+)?$",
            example="https://objects.example.com/v1/AUTH_billing",
            advanced=True,
        ),
    ] = ""
    retries: Annotated[
        int,
        setting(
            "Maximum retries of a request that the server could not answer; at least one, for a "
            "token that has become invalid",
            ge=1,
            le=20,
        ),
    ] = 2


class SwiftServerSettings(PoolSettings, TlsTrust, StorageSettings, IdentitySettings):
    """OpenStack Swift."""


class SwiftSendingSettings(OutgoingLogin, ObjectSendingSettings, SwiftServerSettings):
    """Storing."""

    container: Annotated[
        str,
        setting("Container of calls that name none", example="archive", pattern=r"^[^/]{0,256}$"),
    ] = ""
    content_type: Annotated[
        str, setting("Media type of objects whose call names none", pattern=r"^[ -~]{1,200}$")
    ] = "application/octet-stream"
    segment_size: Annotated[
        int,
        setting(
            "Bytes of a segment of an upload; a larger object is sent in segments. Swift allows 1000 "
            "of them and, as it is mostly set up, 5 GB for each",
            ge=MIB,
            le=5 * 1024 * MIB,
        ),
    ] = 256 * MIB
    segment_container: Annotated[
        str,
        setting(
            "Container of the segments of large objects; empty for that of the object with "
            "_segments added. It is made when it is needed",
            pattern=r"^[^/]{0,256}$",
            advanced=True,
        ),
    ] = ""
    temp_url_key: Annotated[
        Secret | None,
        setting(
            "Key of temporary URLs, which `link` makes: the account or the container must have it "
            "in Temp-URL-Key"
        ),
    ] = None

    def check(self) -> None:
        """Refuse metadata that no header can carry; raises `Invalid`."""
        super().check()
        fault = fault_of_metadata(self.metadata)
        if fault:
            raise Invalid({"metadata": fault})


class SwiftWatchSettings(ObjectWatchSettings, ChannelLogin, SwiftServerSettings):
    """Watched containers."""

    containers: Annotated[
        list[str], setting("Containers that are watched", example=["orders"], min_length=1)
    ]

    def check(self) -> None:
        """Refuse names that no container has; raises `Invalid`."""
        super().check()
        for name in self.containers:
            if not is_container(name):
                raise Invalid({"containers": f"{name!r} is no name of a container"})


def is_container(name: str) -> bool:
    """Return whether a container may have a name."""
    if name in ("", ".", "..") or "/" in name:
        return False
    return len(name.encode(errors="replace")) <= LONGEST_CONTAINER


def fault_of_metadata(metadata: dict[str, str]) -> str:
    """Return what keeps metadata from being sent; empty if nothing."""
    for name, value in metadata.items():
        if not re.fullmatch(r"[A-Za-z0-9-]{1,128}", name):
            return f"{name!r} is not a name of letters, digits and -"
        if value != value.strip() or not is_clean(value):
            return f"the value of {name} begins or ends with a blank, or has control characters"
    return ""
