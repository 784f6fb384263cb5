"""The other parts of a local server: packages, plugins, the cluster, and the objects that a test
hands in.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from hansa import (
    Applied,
    Bus,
    Cluster,
    Conflict,
    Definition,
    DeployedPackage,
    Deployment,
    Edit,
    HeldLease,
    InstalledPlugin,
    NotFound,
    Objects,
    ObjectState,
    Outgoing,
    OutgoingConnections,
    Packages,
    PackageVersion,
    PlainSettings,
    Plugins,
    Security,
    Server,
    WorkerReport,
    load,
)

from .definitions import LocalDefinitions
from .named import Named


class LocalPackages(Packages):
    """Deployed packages, kept in memory; their code is not run."""

    def __init__(self, definitions: LocalDefinitions) -> None:
        self._definitions = definitions
        self._versions: list[PackageVersion] = []
        self._serving: dict[str, int] = {}

    def versions(self, file: str = "") -> list[PackageVersion]:
        """Return all versions, of one file or of all, sorted by file and version."""
        found = [one for one in self._versions if file in ("", one.file)]
        return sorted(found, key=lambda one: (one.file, one.version))

    def current(self) -> list[PackageVersion]:
        """Return the versions that serve, sorted by file."""
        return [one for one in self.versions() if self._serving.get(one.file) == one.version]

    def get(self, file: str, version: int = 0) -> PackageVersion | None:
        """Return one version of a file, by default the one that serves; None if there is none."""
        wanted = version or self._serving.get(file)
        for one in self.versions(file):
            if one.version == wanted:
                return one
        return None

    def serving(self) -> dict[str, int]:
        """Return the version that serves of each file."""
        return dict(self._serving)

    def try_sources(self, files: Mapping[str, str]) -> list[DeployedPackage]:
        """Return the packages of these sources, whose code is not run."""
        return [
            DeployedPackage(file, self._serving.get(file, 0), [])
            for file in sorted(_by_package(files))
        ]

    def deploy(
        self,
        files: Mapping[str, str],
        *,
        remove: Iterable[str] = (),
        edits: Iterable[Edit] = (),
        by: str = "",
        declared: bool = False,
        wait: bool = True,
    ) -> Deployment:
        """Keep these sources as the versions that serve, and make these edits; raises `NotFound` for
        a package to remove that is not there.
        """
        made = self._definitions.prepare(edits)
        gone = list(remove)
        for file in gone:
            if file not in self._serving:
                raise NotFound(f"no package {file} is deployed in this test")
        for file in gone:
            del self._serving[file]
        packages = _by_package(files)
        self._definitions.change(made)
        deployed = [self._keep(file, texts, by) for file, texts in packages.items()]
        return Deployment(len(self._versions), ["local"], [], deployed)

    def prune(self, keep: int, *, portion: int = 500) -> Iterator[int]:
        """Remove nothing: no change log says what is needed."""
        return iter(())

    def _keep(self, file: str, texts: Mapping[str, str], by: str) -> DeployedPackage:
        source = json.dumps(texts) if file.endswith("/") else texts[file]
        digest = hashlib.sha256(source.encode()).hexdigest()
        version = len(self.versions(file)) + 1
        kept = PackageVersion(file, version, source, digest, {}, by, time.time(), current=True)
        self._versions.append(kept)
        self._serving[file] = version
        return DeployedPackage(file, version, [])


def _by_package(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return sources by path, by the file or folder that they belong to."""
    packages: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        folder, slash, _ = path.partition("/")
        packages.setdefault(folder + slash, {})[path] = text
    return packages


class LocalPlugins(Plugins):
    """No plugin is loaded in a test; none can be reloaded or blocked."""

    def installed(self) -> list[InstalledPlugin]:
        """Return no plugins."""
        return []

    @property
    def loaded(self) -> list[str]:
        """No names."""
        return []

    def reload(self, name: str, *, by: str = "") -> int:
        """Raise `NotFound`."""
        raise _no_plugin(name)

    def block(self, name: str, *, force: bool = False, by: str = "") -> int:
        """Raise `NotFound`."""
        raise _no_plugin(name)

    def unblock(self, name: str, *, by: str = "") -> int:
        """Raise `NotFound`."""
        raise _no_plugin(name)


def _no_plugin(name: str) -> NotFound:
    return NotFound(f"no plugin {name!r} is loaded in this test")


class LocalCluster(Cluster):
    """A cluster of one worker; `restarts` lists the servers that were to be restarted."""

    def __init__(self, name: str, definitions: LocalDefinitions, bus: Bus) -> None:
        self._name = name
        self._definitions = definitions
        self._bus = bus
        self.restarts: list[str] = []

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    def revision(self) -> int:
        """Return the number of changes of definitions so far."""
        return self._definitions.revision

    def reports(self, *, silent: bool = False) -> dict[str, WorkerReport]:
        """Return no reports: nobody reports in a test."""
        return {}

    def workers(self, server: str = "") -> list[str]:
        """Return the one worker of a local server."""
        return ["local/0.1"] if server in ("", "local") else []

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""
        return self._bus.leases(names)

    def restart(self, server: str, *, by: str = "") -> int:
        """Note that a server was to be restarted; returns the revision."""
        self.restarts.append(server)
        return self.revision()

    def current_key(self) -> str:
        """Return no key: nothing is stored in a test."""
        return ""

    def use_key(self, fingerprint: str, *, by: str = "") -> Applied:
        """Refuse it, since there is no other key."""
        raise Conflict("there are no keys in a test")


class LocalObjects(Objects):
    """The objects that a test hands in; `losses` and `troubles` hold what objects reported, by
    object, `renewed` the references that `renew` was called with.
    """

    def __init__(
        self,
        server: Server,
        outgoing: OutgoingConnections,
        security: Mapping[str, Security],
    ) -> None:
        self._server = server
        self._outgoing = outgoing
        self._security = Named("security definition", security)
        self.losses: dict[Definition, BaseException] = {}
        self.troubles: dict[Definition, str] = {}
        self.renewed: list[tuple[str, object]] = []

    def get(self, kind: str, type: str, name: str) -> Definition:
        """Return an object that was handed in; raises `NotFound`."""
        if kind == "security":
            return self._security[name]
        if kind == "outgoing" and type:
            connection: Outgoing = self._outgoing[type][name]
            return connection
        raise NotFound(f"no {kind} {type or 'of any type'} is in this test")

    def security(self, name: str) -> Security:
        """Return a security definition that was handed in; raises `NotFound`."""
        return self._security[name]

    def state(self, kind: str, type: str, name: str) -> ObjectState | None:
        """Return the state of an object that was handed in: `retrying` once it was lost, else
        `running`.
        """
        try:
            found = self.get(kind, type, name)
        except NotFound:
            return None
        if found in self.losses:
            return ObjectState("retrying", str(self.losses[found]))
        return ObjectState("running", self.troubles.get(found, ""))

    def make(
        self,
        kind: str,
        type: str,
        name: str,
        data: PlainSettings,
        *,
        mode: Literal["edit", "set"] = "set",
    ) -> Definition:
        """Make an object of a type that was handed in, without starting it; raises `Invalid` or
        `NotFound`.
        """
        registered = self._server.registry.type(kind, type)
        if mode == "edit":
            data = {**self._server.definitions.get(kind, type, name).data, **data}
        config = load(registered.model, data)
        return registered.cls(name, registered.cls.prepare(config), self._server)

    def lost(self, broken: Definition, error: BaseException) -> None:
        """Note the first error of an object; core would start another one in its place."""
        self.losses.setdefault(broken, error)

    def renew(self, reference: str, value: object) -> None:
        """Note the reference whose value has changed; core would make what uses it anew."""
        self.renewed.append((reference, value))

    def trouble(self, troubled: Definition, why: str) -> None:
        """Note why an object is in trouble, or that it no longer is."""
        if why:
            self.troubles[troubled] = why
        else:
            self.troubles.pop(troubled, None)
