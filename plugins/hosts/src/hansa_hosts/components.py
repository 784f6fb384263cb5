"""What a host writes of a component: its folder, with configuration, certificates and secrets, all
of it readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from hansa import replace_file
from hansa_authority.description import describe
from hansa_cli.access import USER
from hansa_quickstart.component import HOST, Component
from hansa_quickstart.create import PROXY_SECRET
from hansa_quickstart.failure import NOT_EMPTY, Failure
from hansa_quickstart.files import INCOMING
from hansa_quickstart.programs import pickup_links
from hansa_quickstart.users import user_password_file

from .admission import Settings
from .cluster import SECRET_KEY
from .configurations import Place, balancer_configuration, server_configuration, web_configuration
from .roles import Role

MEMBER_SECRET: Final = "member.secret"
"""The file of a component with the secret by which it proves itself to the authority."""
LISTEN: Final = "address"


def write_component(
    place: Place, role: Role, cluster: str, settings: Settings, secret: str
) -> Component:
    """Write everything but the certificates of a component into its folder."""
    folder = place.folder
    (folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    describe(folder, role.kind)
    replace_file(folder / MEMBER_SECRET, secret + "\n")
    if "proxy_secret" in settings:
        replace_file(folder / PROXY_SECRET, settings["proxy_secret"] + "\n")
    if role.name == "server":
        _write_server(folder, settings)
        text = server_configuration(place, cluster, settings)
    elif role.name == "loadbalancer":
        text = balancer_configuration(place, settings)
    else:
        text = web_configuration(place, cluster, settings)
    replace_file(folder / "config.toml", text)
    return Component(folder)


def _write_server(folder: Path, settings: Settings) -> None:
    (folder / INCOMING).mkdir(mode=0o700, parents=True, exist_ok=True)
    for link in pickup_links():
        (folder / link).symlink_to(INCOMING)
    replace_file(folder / SECRET_KEY, settings["key"] + "\n")
    for user, password in settings["passwords"].items():
        replace_file(user_password_file(folder, user), password + "\n")
        if user == USER:
            # commands look for it in the folder of the host, too
            replace_file(user_password_file(folder.parent, user), password + "\n")


@contextlib.contextmanager
def making(folder: Path) -> Iterator[None]:
    """Have the folder of a component made, which is removed after a failure; raises `Failure` for
    one that is there already, which is left as it is.
    """
    if folder.exists():
        raise Failure(f"{folder} exists already", NOT_EMPTY)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def make_folder(folder: Path) -> None:
    """Make the folder of a host, for its owner alone; raises `Failure` if there is something else in
    it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is not an empty folder", NOT_EMPTY)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def describe_host(folder: Path, cluster: str, authority: str, components: Iterable[str]) -> None:
    """Write down what a host has of a cluster, and where the authority of that is."""
    describe(folder, HOST, cluster=cluster, authority=authority, components=list(components))
