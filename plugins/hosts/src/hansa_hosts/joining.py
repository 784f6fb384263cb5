"""`hansa join`: a host makes a key, has its certificate signed by the authority that its token
names, writes what it is told, and checks that it can reach the engines.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hansa_authority.authority import fingerprint, install_signed, request
from hansa_quickstart import checks
from hansa_quickstart.component import HOST, SERVER, Component
from hansa_quickstart.failure import INVALID, NOT_EMPTY, Failure

from .asking import Authority
from .components import describe_host, make_folder, making, write_component
from .configurations import CA_FILE, Place
from .creation import next_port
from .roles import role_of
from .tokens import Token

_KEY_PLACE: Final = ".joining"
"""The folder in which the key is made before the component has a name."""


def join(text: str, path: Path, address: str) -> Component:
    """Join a cluster with a component in a folder of this host, new, or one with components of the
    same cluster; returns the component. Raises `Failure`; what was made before is removed then.
    """
    token = Token.read(text)
    role = role_of(token.role)
    folder = path.expanduser().resolve()
    host = _host_in(folder, token)
    authority = Authority.pinned(token.address, token.fingerprint)
    if not address:
        port = role.port if host is None else next_port(host, role)
        address = f"{authority.here()}:{port}"
    place = folder / _KEY_PLACE
    # of one that was interrupted
    shutil.rmtree(place, ignore_errors=True)
    if host is None:
        make_folder(folder)
    before = [] if host is None else host.about["components"]
    try:
        # the authority says which name the certificate is for
        answer = authority.join(token.secret, request(role.name, place), address)
        component = _write(folder, place, answer, authority, address, before)
    except BaseException:
        # a folder that was new had nothing before
        shutil.rmtree(folder if host is None else place, ignore_errors=True)
        raise
    return component


def _host_in(folder: Path, token: Token) -> Component | None:
    """Return what a folder has of the token's cluster, None if it is new; raises `Failure`."""
    if not folder.exists() or all(one.name == _KEY_PLACE for one in folder.iterdir()):
        return None
    host = Component(folder)
    if not host.exists or host.kind != HOST:
        raise Failure(f"{folder} is neither empty nor what a host has of a cluster", NOT_EMPTY)
    for part in host.parts:
        file = part.folder / CA_FILE
        if file.is_file() and fingerprint(file.read_bytes()) == token.fingerprint:
            return host
    raise Failure(f"{folder} has components of another cluster", INVALID)


def _write(
    folder: Path,
    place: Path,
    answer: dict[str, Any],
    authority: Authority,
    address: str,
    before: list[str],
) -> Component:
    """Write the component, and that the host has it beside those before; after a failure, nothing
    of it is left, and the authority forgets it.
    """
    name = str(answer["name"])
    target = folder / name
    try:
        with making(target):
            place.rename(target)
            install_signed(answer["certificate"].encode(), answer["authority"].encode(), target)
            component = write_component(
                Place(target, name, address),
                role_of(answer["role"]),
                answer["cluster"],
                answer["settings"],
                answer["secret"],
            )
            describe_host(folder, answer["cluster"], authority.address, [*before, name])
    except BaseException:
        # what went wrong is said, not that the authority cannot be told of it
        with contextlib.suppress(Failure):
            authority.leave(name, answer["secret"])
        raise
    return component


def check_component(component: Component, say: Callable[[str], None]) -> None:
    """Check everything that a server needs, and say what is in order; raises `Failure` with all
    faults, by setting.
    """
    if component.kind != SERVER:
        return
    faults: list[str] = []
    for setting, check in (
        ("config.toml", checks.check_configuration),
        ("odb.url", checks.check_server_odb),
        ("server.secret_key", checks.check_server_key),
        ("redis.address", checks.check_server_redis),
    ):
        try:
            found = check(component)
        except Failure as failure:
            if failure.message not in "\n".join(faults):
                faults.append(f"{setting}: {failure.message}")
            continue
        for line in found.passed + [f"Warning: {warning}" for warning in found.warnings]:
            say(line)
    if faults:
        faults.append(
            f"{component.name} has joined; when that is put right: hansa check-config "
            f"{component.folder}"
        )
        raise Failure("\n".join(faults), INVALID)
