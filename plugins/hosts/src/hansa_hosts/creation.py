"""`hansa create cluster` and what follows on the host of the authority: the cluster, its components
there, and tokens for those of other hosts.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from hansa import replace_file
from hansa_admin.password import new_password
from hansa_authority import authority
from hansa_authority.description import CA, describe
from hansa_cli.access import PASSWORD_VARIABLE, USER
from hansa_loadbalancer.settings import is_address, split_address
from hansa_quickstart import odb
from hansa_quickstart.component import Component
from hansa_quickstart.create import PROXY_SECRET
from hansa_quickstart.failure import INVALID, NOT_EMPTY, Failure
from hansa_quickstart.programs import api_users
from hansa_quickstart.redis_check import check_redis
from hansa_quickstart.users import user_password_file
from hansa_web.settings import CLUSTER_NAMES, is_cluster_name

from .admission import Admission
from .cluster import (
    AUTHORITY,
    OWN_NAME,
    SECRET_KEY,
    Cluster,
    open_host,
    read_cluster,
    store_cluster,
    with_authority,
)
from .components import describe_host, making, write_component
from .configurations import Place, authority_configuration
from .engines import odb_url, redis_url
from .members import Members
from .roles import Role, checked_hosts, checked_name
from .tokens import Permission, Token, keep, new_secret


@dataclass(frozen=True)
class Wanted:
    """A cluster that is to be made: HOST:PORT of its authority, the network of its hosts, URLs and
    passwords of ODB and Redis, and further names by which hosts reach the authority.
    """

    folder: Path
    name: str
    address: str
    network: str
    odb: str
    redis: str
    odb_password: str
    redis_password: str
    durability: str
    hosts: tuple[str, ...]


def create_cluster(wanted: Wanted) -> list[str]:
    """Make the authority, the schema of the ODB and the secrets of a cluster; returns the warnings
    about its Redis. What was made is removed after a failure. Raises `Failure` with all faults.
    """
    cluster = _checked(wanted)
    folder = wanted.folder
    home = folder / AUTHORITY
    checked_hosts(wanted.hosts)
    given = authority.certificate_file(home).is_file()
    if folder.exists() and any(one for one in folder.iterdir() if one != home or not given):
        message = f"{folder} is not empty; it may hold an authority in {AUTHORITY}/, nothing else"
        raise Failure(message, NOT_EMPTY)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    try:
        if not given:
            authority.create_authority(home)
        warnings = _use_engines(cluster, authority.certificate_file(home))
        write_cluster(folder, cluster, wanted.hosts)
    except BaseException:
        for inner in folder.iterdir():
            if inner == home and given:
                continue
            shutil.rmtree(inner) if inner.is_dir() else inner.unlink()
        raise
    return warnings


def _checked(wanted: Wanted) -> Cluster:
    """Return the cluster; raises `Failure` with all faults of what was given, by option."""
    faults: dict[str, str] = {}
    found = {"odb": "", "redis": ""}
    given = {
        "odb": (odb_url, wanted.odb, wanted.odb_password),
        "redis": (redis_url, wanted.redis, wanted.redis_password),
    }
    for name, (read, url, password) in given.items():
        try:
            found[name] = read(url, password)
        except ValueError as error:
            faults[name] = str(error)
    if not is_address(wanted.address) or wanted.address.startswith("*"):
        faults["address"] = f"{wanted.address!r} is not HOST:PORT"
    try:
        ipaddress.ip_network(wanted.network, strict=False)
    except ValueError as error:
        faults["network"] = str(error)
    if not is_cluster_name(wanted.name):
        faults["cluster-name"] = CLUSTER_NAMES
    if faults:
        raise Failure("\n".join(f"--{name}: {fault}" for name, fault in faults.items()), INVALID)
    return Cluster(
        wanted.name, wanted.address, wanted.network, **found, durability=wanted.durability
    )


def _use_engines(cluster: Cluster, certificate: Path) -> list[str]:
    """Make the schema, and look at Redis; raises `Failure` with what is wrong with both."""
    faults: list[str] = []
    warnings: list[str] = []
    try:
        warnings = check_redis(with_authority(cluster.redis, certificate), cluster.durability)
    except Failure as failure:
        faults.append(f"--redis: {failure.message}")
    try:
        if faults:
            odb.check_odb(with_authority(cluster.odb, certificate))
        else:
            odb.create_schema(with_authority(cluster.odb, certificate))
    except Failure as failure:
        faults.append(f"--odb: {failure.message}")
    if faults:
        raise Failure("\n".join(faults), INVALID)
    return warnings


def write_cluster(folder: Path, cluster: Cluster, hosts: tuple[str, ...]) -> None:
    """Write what the authority keeps of a cluster, beside its key, which is there already; `hosts` are
    further names by which others reach it.
    """
    home = folder / AUTHORITY
    own = authority.issue(home, OWN_NAME, [split_address(cluster.authority)[0], *hosts])
    authority.install(home, own, home)
    (home / "logs").mkdir(mode=0o700, exist_ok=True)
    replace_file(home / "config.toml", authority_configuration(cluster.authority))
    describe(home, CA)
    replace_file(folder / PROXY_SECRET, secrets.token_urlsafe(32) + "\n")
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    replace_file(folder / SECRET_KEY, key + "\n")
    for user in (USER, *api_users()):
        password = (user == USER and os.environ.get(PASSWORD_VARIABLE)) or new_password()
        replace_file(user_password_file(folder, user), password + "\n")
    store_cluster(folder, cluster)
    describe_host(folder, cluster.name, cluster.authority, [AUTHORITY])


def create_component(
    path: Path, role: Role, name: str, address: str, hosts: tuple[str, ...]
) -> Component:
    """Make a component on the host of the authority; raises `Failure`."""
    host = open_host(path)
    cluster = read_cluster(host.folder)
    address = address or _next_address(host, cluster.authority.rpartition(":")[0], role)
    if not is_address(address) or address.startswith("*"):
        raise Failure(f"--address: {address!r} is not HOST:PORT", INVALID)
    if name:
        checked_name(name)
    admitted = Admission(host.folder).admit_here(role, name, address, checked_hosts(hosts))
    member = admitted.member
    folder = host.folder / member.name
    home = host.folder / AUTHORITY
    members = Members(home)
    try:
        with making(folder):
            made = write_component(
                Place(folder, member.name, address),
                role,
                cluster.name,
                admitted.settings,
                admitted.secret,
            )
            authority.install(home, authority.issue(home, member.name, member.hosts), folder)
            with members.alone():
                # another command may have made one meanwhile
                parts = [*Component(host.folder).about["components"], member.name]
                describe_host(host.folder, cluster.name, cluster.authority, parts)
    except BaseException:
        members.remove(member.name)
        raise
    return made


def next_port(host: Component, role: Role) -> int:
    """Return the usual port of a role, or the next one that no component of this host has."""
    taken = {int(at.rpartition(":")[2]) for part in host.parts for at in part.addresses}
    port = role.port
    while port in taken:
        port += 1
    return port


def _next_address(host: Component, at: str, role: Role) -> str:
    return f"{at}:{next_port(host, role)}"


def create_token(path: Path, role: Role, name: str, hosts: tuple[str, ...], minutes: int) -> str:
    """Return the text of a token by which one component of another host joins; raises `Failure`."""
    host = open_host(path)
    cluster = read_cluster(host.folder)
    home = host.folder / AUTHORITY
    if name:
        Members(home).check_free(checked_name(name))
    secret = new_secret()
    keep(
        home, secret, Permission(role.name, name, checked_hosts(hosts), time.time() + minutes * 60)
    )
    certificate = authority.certificate_file(home).read_bytes()
    return str(Token(cluster.authority, authority.fingerprint(certificate), role.name, secret))
