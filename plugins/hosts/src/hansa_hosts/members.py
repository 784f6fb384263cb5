"""The components that an authority has admitted, each a file in its folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hansa import replace_file
from hansa_quickstart.failure import INVALID, Failure

from .roles import Role
from .tokens import same

FOLDER: Final = "members"
"""The folder of an authority with its members."""
MOST: Final = 10_000
"""Numbers that are tried for the name of a component."""


@dataclass(frozen=True)
class Member:
    """One component: where it listens, the hosts that its certificate is for, when it was admitted
    (ISO 8601, UTC), and the digest of the secret by which it proves itself later on.
    """

    name: str
    role: str
    address: str
    hosts: tuple[str, ...]
    joined: str
    digest: str


class Members:
    """The members of an authority in a folder."""

    def __init__(self, authority: Path) -> None:
        self._folder = authority / FOLDER

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others, in this process or another one, from admitting anybody meanwhile."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def all(self, role: str = "") -> list[Member]:
        """Return them, or those of a role, by name."""
        found = [_read(file) for file in sorted(self._folder.glob("*.json"))]
        return [one for one in found if one is not None and role in ("", one.role)]

    def check_free(self, name: str) -> None:
        """Raise `Failure` if there is a member of this name."""
        if self._file(name).exists():
            raise Failure(f"there is a component {name} in this cluster already", INVALID)

    def next_name(self, role: Role) -> str:
        """Return the first of the usual names of a role that nobody has; raises `Failure`."""
        for number in range(1, MOST):
            if not self._file(role.named(number)).exists():
                return role.named(number)
        raise Failure(f"there are {MOST} components of the role {role.name} already", INVALID)

    def add(self, member: Member) -> None:
        """Admit a component; raises `Failure` if there is one of this name."""
        self.check_free(member.name)
        replace_file(self._file(member.name), json.dumps(asdict(member)), durable=True)

    def remove(self, name: str) -> None:
        """Forget a component."""
        self._file(name).unlink(missing_ok=True)

    def proven(self, name: str, secret: str) -> Member | None:
        """Return the member of this name, if the secret is its own."""
        for member in self.all():
            if member.name == name and same(member.digest, secret):
                return member
        return None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def _read(file: Path) -> Member | None:
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError:
        return None  # it has just left
    content["hosts"] = tuple(content["hosts"])
    return Member(**content)
