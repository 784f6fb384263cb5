"""Units of systemd for the components of a cluster: a service for each, and a target for all of this
host (systemd.unit(5), systemd.exec(5)).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .component import CA, KVDB, LOAD_BALANCER, SERVER, WEB_ADMIN, Component
from .failure import INVALID, Failure
from .stop import seconds_to_end

_KINDS: Final = {
    CA: "authority",
    KVDB: "Valkey",
    LOAD_BALANCER: "load-balancer",
    SERVER: "server",
    WEB_ADMIN: "web admin",
}
_FIRST_FREE_PORT: Final = 1024
"""The lowest port that a process may take without a privilege."""

_TARGET: Final = """\
# Written by hansa systemd.
[Unit]
Description=Hansa: {cluster}
Documentation=man:systemd.target(5)
Wants={services}
After=network-online.target

[Install]
WantedBy=multi-user.target
"""

_SERVICE: Final = """\
# Written by hansa systemd.
[Unit]
Description=Hansa: {what} {component} of {cluster}
Wants=network-online.target
After={after}
PartOf={target}
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
WorkingDirectory={folder}
ExecStart={command}
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec={seconds}
OOMPolicy=continue
LimitNOFILE=65536
UMask=0077
RuntimeDirectory={runtime}
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
Environment=XDG_RUNTIME_DIR=%t/{runtime}

NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
ProtectSystem=strict
ReadWritePaths={home}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy={target}
"""


@dataclass(frozen=True)
class Units:
    """The units of a component, or of all components of a cluster that are on this host.

    They run as `user`, a name or number.
    """

    component: Component
    user: str

    def files(self) -> dict[str, str]:
        """Return the units by file name; raises `Failure` where there is nothing to run."""
        own = self.component.parts if self.component.is_cluster else [self.component]
        parts = [part for part in own if part.has_process]
        if not parts:
            raise Failure(f"{self.component.folder} has nothing that runs", INVALID)
        made = {self._name_of(part): self._service(part) for part in parts}
        home = self.component.home
        # the target is the same for one component as for all: it is there once
        every = [part for part in home.parts if part.has_process] if home.exists else parts
        made[self.target] = _TARGET.format(
            cluster=_escaped(self.home.name), services=" ".join(map(self._name_of, every))
        )
        return made

    @property
    def home(self) -> Path:
        """The folder of the cluster, or of a component that is alone."""
        home = self.component.home
        return home.folder if home.exists else self.component.folder

    @property
    def target(self) -> str:
        """The name of the unit that starts and stops all."""
        return f"{self._prefix}.target"

    @property
    def _prefix(self) -> str:
        return f"hansa-{_unit_name(self.home.name)}"

    def _name_of(self, part: Component) -> str:
        return f"{self._prefix}-{_unit_name(part.folder.name)}.service"

    def _service(self, part: Component) -> str:
        command = [sys.executable, "-m", "hansa", "start", str(part.folder), "--fg"]
        needs_privilege = any(_port_of(each) < _FIRST_FREE_PORT for each in _addresses(part))
        return _SERVICE.format(
            what=_KINDS[part.kind],
            component=_escaped(part.folder.name),
            cluster=_escaped(self.home.name),
            after=" ".join(["network-online.target", *self._before(part)]),
            target=self.target,
            user=self.user,
            folder=_escaped(str(part.folder)),
            command=" ".join(_quoted(word, is_command=True) for word in command),
            seconds=round(seconds_to_end(part) + 10),
            runtime=self._prefix,
            capabilities="CAP_NET_BIND_SERVICE" if needs_privilege else "",
            home=_quoted(str(self.home)),
        )

    def _before(self, part: Component) -> list[str]:
        """Return the units that are started before, and stopped after: the Valkey of this host before
        servers, and servers before what brings requests to them.
        """
        home = self.component.home
        if not home.exists or part.kind in (CA, KVDB):
            return []
        kinds = [KVDB] if part.kind == SERVER else [KVDB, SERVER]
        found = [other for kind in kinds for other in home.parts_of(kind)]
        return [self._name_of(other) for other in found if other.has_process]


def _addresses(part: Component) -> list[str]:
    return [*part.addresses, *part.https_addresses]


def _port_of(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else _FIRST_FREE_PORT


def _unit_name(name: str) -> str:
    """Return a name of which each character may be in that of a unit."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _escaped(text: str) -> str:
    """Return a text without what systemd puts values in for; raises `Failure` for what no line can
    have.
    """
    if not text.isprintable():
        raise Failure(f"{text!r} cannot be in a unit of systemd", INVALID)
    return text.replace("%", "%%")


def _quoted(text: str, *, is_command: bool = False) -> str:
    """Return a word of a line as systemd reads it; in a command, `$` stands for itself."""
    word = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    if is_command:
        word = word.replace("$", "$$")
    return f'"{word}"'
