"""Settings of the security type `ldap`."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, Secret, setting
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsTrust

from .names import DN, USERNAME, filled_dn, filled_filter, parse_server


class LdapSettings(PoolSettings, TlsTrust):
    """Directory.

    How callers are looked up in a directory, and log in there. Times are seconds.
    """

    servers: Annotated[
        list[str],
        setting(
            "Servers of the directory, each ldap://HOST:PORT or ldaps://HOST:PORT; the next one is "
            "asked when one does not answer",
            min_length=1,
            max_length=20,
            example=["ldaps://directory.example.com"],
        ),
    ]
    start_tls: Annotated[
        bool,
        setting(
            "Whether connections to ldap:// are encrypted by StartTLS before anything else is sent; "
            "without it passwords cross the network in clear text"
        ),
    ] = True
    user_dn: Annotated[
        str,
        setting(
            "Distinguished name of a user, with {username} in it, if it follows from the user name; "
            "else users are searched for",
            example="uid={username},ou=people,dc=example,dc=com",
        ),
    ] = ""
    search_base: Annotated[
        str,
        setting("Entry below which users are searched for", example="ou=people,dc=example,dc=com"),
    ] = ""
    search_filter: Annotated[
        str, setting("Filter that finds a user (RFC 4515), with {username} in it")
    ] = "(uid={username})"
    bind_dn: Annotated[
        str,
        setting(
            "Distinguished name of the account that searches; empty searches anonymously",
            example="cn=hansa,ou=services,dc=example,dc=com",
        ),
    ] = ""
    bind_password: Annotated[Secret | None, setting("Password of the account that searches")] = None
    name_attribute: Annotated[
        str,
        setting(
            "Attribute of a user's entry that names the caller, so that one user is not called "
            "differently by how the name was typed",
            min_length=1,
            pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        ),
    ] = "uid"
    group_attribute: Annotated[
        str,
        setting(
            "Attribute of a user's entry that lists its groups, memberOf in many directories; empty "
            "reads none",
            pattern=r"^([A-Za-z][A-Za-z0-9-]*)?$",
        ),
    ] = ""
    group_base: Annotated[
        str,
        setting(
            "Entry below which groups are searched for; empty searches for none",
            example="ou=groups,dc=example,dc=com",
        ),
    ] = ""
    group_filter: Annotated[
        str,
        setting(
            "Filter that finds the groups of a user, with {dn} of its entry or {username} in it"
        ),
    ] = "(member={dn})"
    group_names: Annotated[
        Literal["name", "dn"],
        setting(
            "What the groups of a caller are called: by the first value of their distinguished name, "
            "such as staff of cn=staff,ou=groups, or by all of it"
        ),
    ] = "name"
    realm: Annotated[
        str,
        setting(
            "Name of the protected area as callers see it (RFC 7617); empty is hansa",
            max_length=128,
            pattern=r"^[ !#-\[\]-~]*$",
        ),
    ] = ""
    cache: Annotated[
        float,
        setting(
            "Seconds for which a login that succeeded is remembered, and counts although the "
            "directory was changed; 0 asks for every request",
            ge=0,
            le=86_400,
        ),
    ] = 300.0
    timeout: Annotated[
        float,
        setting(
            "Maximum time of a login in seconds, waiting for a connection and connecting included",
            gt=0,
            le=600,
        ),
    ] = 10.0
    connect_timeout: Annotated[
        float,
        setting(
            "Maximum time to connect to one server in seconds, after which the next one is asked",
            gt=0,
            le=600,
        ),
    ] = 3.0

    def check(self) -> None:
        """There is one way to find users, each server is one, and templates can be filled; raises
        `Invalid`.
        """
        faults = {**self.faults_of_trust(), **self._faults_of_servers(), **self._faults_of_users()}
        if "\n" in self.realm:
            faults["realm"] = "must be one line"
        if self.bind_dn and not self.bind_password:
            faults["bind_password"] = "required with bind_dn: an empty one would search anonymously"
        if self.bind_password and not self.bind_dn:
            faults["bind_dn"] = "required with bind_password"
        if self.group_base and DN not in self.group_filter and USERNAME not in self.group_filter:
            faults["group_filter"] = f"must have {DN} or {USERNAME} in it"
        if not faults:
            faults = self._faults_of_syntax()
        if faults:
            raise Invalid(faults)

    def _faults_of_servers(self) -> dict[str, str]:
        faults: dict[str, str] = {}
        for index, url in enumerate(self.servers):
            try:
                parse_server(url)
            except ValueError as error:
                faults[f"servers[{index}]"] = str(error)
        return faults

    def _faults_of_users(self) -> dict[str, str]:
        if self.user_dn and self.search_base:
            return {"search_base": "excludes user_dn: there is one way to find users"}
        if self.user_dn:
            return {} if USERNAME in self.user_dn else {"user_dn": f"must have {USERNAME} in it"}
        if not self.search_base:
            return {"search_base": "required, unless user_dn says what users are called"}
        if USERNAME not in self.search_filter:
            return {"search_filter": f"must have {USERNAME} in it"}
        return {}

    def _faults_of_syntax(self) -> dict[str, str]:
        # PERF: ldap3 takes 100 ms to import, which workers without such a definition save
        from .syntax import fault_of_dn, fault_of_filter

        names = {
            "user_dn": filled_dn(self.user_dn, "a"),
            "search_base": self.search_base,
            "bind_dn": self.bind_dn,
            "group_base": self.group_base,
        }
        found = {name: fault_of_dn(dn) for name, dn in names.items() if dn}
        for name, template in (
            ("search_filter", self.search_filter),
            ("group_filter", self.group_filter),
        ):
            found[name] = fault_of_filter(filled_filter(template, "a", "cn=a"))
        return {name: fault for name, fault in found.items() if fault}
