"""The authority admits a component: it gets a name, a certificate, and what its role needs to know
of the cluster.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from hansa_authority.authority import sign_request
from hansa_loadbalancer.settings import is_address, split_address
from hansa_quickstart.addresses import RELAY_PORT
from hansa_quickstart.failure import INVALID, Failure

from .cluster import AUTHORITY, Cluster, passwords, proxy_secret, read_cluster, secret_key
from .members import Member, Members
from .roles import Role, checked_name, role_of
from .tokens import Permission, digest, new_secret, permission_of, redeem

Settings: TypeAlias = dict[str, Any]
"""What a component gets to know of its cluster; JSON."""
_NO_SERVER: Final = "the cluster has no server yet: create one, or have one join, first"


@dataclass(frozen=True)
class Admitted:
    """A component that was admitted: the secret by which it proves itself from now on, and what it
    needs to know.
    """

    member: Member
    secret: str
    settings: Settings


class Admission:
    """Admits components to the cluster whose authority is in `ca/` of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / AUTHORITY
        self.members = Members(self.authority)

    @property
    def cluster(self) -> Cluster:
        """The cluster; raises `Failure`."""
        return read_cluster(self.folder)

    def admit_bearer(self, token: str, request: bytes, address: str, peer: str) -> Settings:
        """Admit the component of another host, which has a token's secret, and asks from the address
        `peer`; returns what it is answered. Raises `Failure`, before the token is used where that
        can be known.
        """
        permission = permission_of(self.authority, token)
        check_address(address, (peer, *permission.hosts))
        with self.members.alone():
            name = self._check(permission)
            hosts = (split_address(address)[0], *permission.hosts)
            certificate, authority = sign_request(self.authority, name, request, hosts)
            admitted = self._prepare(role_of(permission.role), name, address, hosts)
            redeem(self.authority, token)
            self.members.add(admitted.member)
        return {
            "cluster": self.cluster.name,
            "name": name,
            "role": permission.role,
            "secret": admitted.secret,
            "certificate": certificate.decode(),
            "authority": authority.decode(),
            "settings": admitted.settings,
        }

    def admit_here(self, role: Role, name: str, address: str, hosts: tuple[str, ...]) -> Admitted:
        """Admit a component of this host; raises `Failure`."""
        with self.members.alone():
            checked = self._check(Permission(role.name, name, hosts, 0))
            hosts = (split_address(address)[0], *hosts)
            admitted = self._prepare(role, checked, address, hosts)
            self.members.add(admitted.member)
        return admitted

    def renew(self, member: Member, request: bytes) -> Settings:
        """Return a new certificate for a member; raises `Failure`."""
        signed = sign_request(self.authority, member.name, request, member.hosts)
        return dict(
            zip(("certificate", "authority"), (one.decode() for one in signed), strict=True)
        )

    def _check(self, permission: Permission) -> str:
        """Return the name of who comes with a permission; raises `Failure` if he cannot come."""
        role = role_of(permission.role)
        if role.name != "server" and not self.members.all("server"):
            raise Failure(_NO_SERVER, INVALID)
        if not permission.name:
            return self.members.next_name(role)
        self.members.check_free(checked_name(permission.name))
        return permission.name

    def _prepare(self, role: Role, name: str, address: str, hosts: tuple[str, ...]) -> Admitted:
        """Return what becomes of a component that is admitted; nothing is written yet."""
        secret = new_secret()
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        member = Member(name, role.name, address, hosts, now, digest(secret))
        return Admitted(member, secret, self._settings(role))

    def _settings(self, role: Role) -> Settings:
        """Return what a role needs to know, and nothing else."""
        if role.name == "server":
            return self._of_server()
        servers = {member.name: member.address for member in self.members.all("server")}
        if role.name == "loadbalancer":
            return {"servers": servers, "proxy_secret": proxy_secret(self.folder)}
        balancers = self.members.all("loadbalancer")
        hosts = [member.address.rpartition(":")[0] for member in balancers]
        places = [f"{host}:{RELAY_PORT}" for host in hosts] + list(servers.values())
        return {"urls": [f"https://{place}" for place in places]}

    def _of_server(self) -> Settings:
        cluster = self.cluster
        return {
            "odb": cluster.odb,
            "redis": cluster.redis,
            "durability": cluster.durability,
            "network": cluster.network,
            "key": secret_key(self.folder),
            "passwords": passwords(self.folder),
            "proxy_secret": proxy_secret(self.folder),
        }


def check_address(address: str, allowed: tuple[str, ...]) -> None:
    """Raise `Failure` unless it is HOST:PORT of one of the hosts, for which alone a certificate is
    signed.
    """
    if not is_address(address) or address.startswith("*"):
        raise Failure(f"--address: {address!r} is not HOST:PORT", INVALID)
    host = split_address(address)[0]
    if host not in allowed:
        known = ", ".join(allowed)
        message = (
            f"--address: the token is good for {known}; for {host}, make one by "
            f"hansa create token --host {host}"
        )
        raise Failure(message, INVALID)
