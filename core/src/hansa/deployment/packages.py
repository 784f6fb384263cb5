"""Deploying packages: tried in a child process, stored, loaded by every worker, or refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping

from ..contract.packages import PackageVersion, import_name
from ..contract.records import Applied, DeployedPackage, Deployment
from ..contract.registry import Registry
from ..contract.server import Packages as PackagesContract
from ..foundation.errors import Conflict, NotFound
from .sources import importers, packages_of
from .store import PackageStore, Services, Sources, Stale
from .trial import trial


class Packages(PackagesContract):
    """The deployed packages of a cluster.

    `announce(revision, wait=...)` tells the workers of a change; `trial_timeout` is in seconds, and
    `trial_modules` are imported before any source is.
    """

    def __init__(
        self,
        store: PackageStore,
        registry: Registry,
        announce: Callable[..., Applied],
        *,
        trial_timeout: float = 10.0,
        trial_modules: Iterable[str] = (),
    ) -> None:
        self.store = store
        self.registry = registry
        self.announce = announce
        self.trial_timeout = trial_timeout
        self.trial_modules = list(trial_modules)

    def versions(self, file: str = "") -> list[PackageVersion]:
        """Return all versions, of one file or of all, sorted by file and version."""
        return self.store.versions(file)

    def current(self) -> list[PackageVersion]:
        """Return the versions that serve, sorted by file."""
        return self.store.versions(current=True)

    def get(self, file: str, version: int = 0) -> PackageVersion | None:
        """Return one version of a file, by default the one that serves; None if there is none."""
        return self.store.get(file, version)

    def serving(self) -> dict[str, int]:
        """Return the version that serves of each file."""
        return self.store.serving()

    def deploy(
        self,
        files: Mapping[str, str],
        *,
        remove: Iterable[str] = (),
        by: str = "",
        declared: bool = False,
        wait: bool = True,
    ) -> Deployment:
        """Try sources, by path, in a child process; store them and have every worker load them: all
        of them or none.

        It is tried again if others deploy meanwhile. Raises as `contract.server.Packages.deploy`
        says.
        """
        wanted: dict[str, str | None] = {**packages_of(files), **dict.fromkeys(remove)}
        while True:
            stored = {package.file: package for package in self.current()}
            serving = self.serving()
            changes = _changes(wanted, stored, serving, everything=declared)
            services = self._try(changes, stored, serving)
            versions: dict[str, int] = {}
            revision = self.store.database.revision()
            with contextlib.suppress(Stale):
                if changes:
                    versions, revision = self.store.deploy(
                        changes, services, seen=serving, by=by, declared=declared
                    )
                break
        deployed = []
        for file in [file for file, source in wanted.items() if source is not None]:
            names = services[file] if file in services else stored[file].services
            version = versions.get(file, serving.get(file, 0))
            deployed.append(DeployedPackage(file, version, sorted(names.values())))
        applied = self.announce(revision, wait=wait)
        return Deployment(applied.revision, applied.applied, applied.pending, deployed)

    def _try(
        self, changes: Sources, stored: Mapping[str, PackageVersion], serving: Mapping[str, int]
    ) -> Services:
        """Import what changes, with all that imports it, in a child process; returns their
        services.

        Raises `NotFound` or `Conflict` for what is to be removed, `Conflict` for a name that a
        plugin has, and what `trial` raises.
        """
        after = {file: package.source for file, package in stored.items()}
        for file, source in changes.items():
            if source is None:
                after.pop(file, None)
            else:
                after[file] = source
        missing = [
            file for file, source in changes.items() if source is None and file not in serving
        ]
        if missing:
            raise NotFound(f"no file {missing[0]!r} is deployed")
        new = [file for file, source in changes.items() if source is not None]
        removed = {import_name(file) for file in changes} - {import_name(file) for file in new}
        users = importers(after, removed)
        if users:
            raise Conflict(
                f"in use: {', '.join(sorted(removed))} is imported by {', '.join(sorted(users))}"
            )
        if not new:
            return {}
        services = trial(after, new, self.trial_timeout, self.trial_modules)
        for given in services.values():
            for name in given.values():
                if self._is_of_plugin(name):
                    raise Conflict(f"the service {name} comes with a plugin")
        return services

    def _is_of_plugin(self, service: str) -> bool:
        try:
            return self.registry.service(service).version == 0
        except NotFound:
            return False


def _changes(
    wanted: Sources,
    stored: Mapping[str, PackageVersion],
    serving: Mapping[str, int],
    *,
    everything: bool,
) -> dict[str, str | None]:
    """Return what differs from what serves; `everything` also what does not differ."""
    changes: dict[str, str | None] = {}
    for file, source in wanted.items():
        same = file in stored and stored[file].source == source
        if source is None or everything or not same:
            changes[file] = source
    # a module that grew into a folder, or the other way round
    names = {import_name(file): file for file, source in changes.items() if source is not None}
    for file in serving:
        if names.get(import_name(file), file) != file:
            changes[file] = None
    return changes
