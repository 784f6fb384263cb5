"""Deploying packages: tried in a child process, stored, loaded by every worker, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ..contract.packages import PackageVersion, import_name
from ..contract.records import Applied, DeployedPackage, Deployment, Edit
from ..contract.registry import Registry
from ..contract.server import Packages as PackagesContract
from ..definitions.definitions import Definitions
from ..foundation.errors import Conflict, NotFound
from ..plugins.sections import ServerSection
from .old_versions import OldVersions
from .sources import importers, packages_of
from .store import PackageStore, Services, Sources, Stale
from .trial import trial

ATTEMPTS = 20
"""Trials of one deployment, each made anew because others have deployed meanwhile."""


class Packages(PackagesContract):
    """The deployed packages of a cluster.

    `announce(revision, wait=...)` tells the workers of a change; `trial_timeout` is in seconds,
    `trial_memory` in MiB, `trial_modules` are imported before any source is, and `dialects` are the
    modules that `hansa_dialects` names.
    """

    def __init__(
        self,
        store: PackageStore,
        registry: Registry,
        announce: Callable[..., Applied],
        definitions: Definitions,
        *,
        trial_timeout: float = ServerSection.trial_timeout,
        trial_memory: int = ServerSection.trial_memory,
        trial_modules: Iterable[str] = (),
        dialects: Iterable[str] = (),
    ) -> None:
        self.store = store
        self.registry = registry
        self.announce = announce
        self.definitions = definitions
        self.trial_timeout = trial_timeout
        self.trial_memory = trial_memory
        self.trial_modules = list(trial_modules)
        self.dialects = list(dialects)

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

    def try_sources(self, files: Mapping[str, str]) -> list[DeployedPackage]:
        """Try sources, by path, in a child process, and store nothing; returns the packages that
        would be loaded anew, each with the version that serves now. Raises as
        `contract.server.Packages.try_sources` says.
        """
        stored = {package.file: package for package in self.current()}
        serving = self.serving()
        changes = _changes(packages_of(files), stored, serving, everything=True)
        found = self._try(changes, stored, serving)
        for name in (name for names in found.values() for name in names.values()):
            registered = self.registry.find_service(name)
            if registered is not None and registered.origin not in (*found, *changes):
                raise Conflict(f"the service {name} is already given by {registered.origin}")
        return [
            DeployedPackage(file, serving.get(file, 0), sorted(names.values()))
            for file, names in sorted(found.items())
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
        """Try sources, by path, in a child process; store them and have every worker load them.

        All of them or none. They are tried again if others deploy meanwhile. Raises as
        `contract.server.Packages.deploy` says.
        """
        wanted: dict[str, str | None] = {**packages_of(files), **dict.fromkeys(remove)}
        made = list(edits)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                deployed, revision = self._attempt(wanted, made, by, declared)
                break
            except Stale:
                if attempt == ATTEMPTS:
                    raise
        applied = self.announce(revision, wait=wait)
        return Deployment(applied.revision, applied.applied, applied.pending, deployed)

    def prune(self, keep: int, *, portion: int = 500) -> Iterator[int]:
        """Remove old versions, as `contract.server.Packages.prune` says."""
        return OldVersions(self.store.database).prune(keep, portion=portion)

    def _attempt(
        self, wanted: Sources, edits: list[Edit], by: str, declared: bool
    ) -> tuple[list[DeployedPackage], int]:
        """Try and store what differs from what serves, and make edits of definitions; returns the
        packages and the revision.

        Raises `Stale` if others have deployed since it began.
        """
        stored = {package.file: package for package in self.current()}
        serving = self.serving()
        changes = _changes(wanted, stored, serving, everything=declared)
        services = self._try(changes, stored, serving)
        versions = serving
        revision = self.store.database.revision()
        if changes:
            more = self.definitions.change_with(edits) if edits else None
            new, revision = self.store.deploy(
                changes, services, seen=serving, by=by, declared=declared, more=more
            )
            versions = {**serving, **new}
        elif edits:
            revision = self.definitions.change(edits, by=by, wait=False).revision
        deployed = []
        for file in _given(wanted):
            names = services[file] if file in services else stored[file].services
            deployed.append(DeployedPackage(file, versions[file], sorted(names.values())))
        return deployed, revision

    def _try(
        self, changes: Sources, stored: Mapping[str, PackageVersion], serving: Mapping[str, int]
    ) -> Services:
        """Import what changes, with all that imports it, in a child process.

        Returns their services. Raises `NotFound` or `Conflict` for what is to be removed,
        `Conflict` for a name that a plugin has, and what `trial` raises.
        """
        new = _given(changes)
        removed = [file for file in changes if file not in new]
        after = {file: package.source for file, package in stored.items() if file not in removed}
        after |= new
        missing = [file for file in removed if file not in serving]
        if missing:
            raise NotFound(f"no file {missing[0]!r} is deployed")
        _refuse_imported(removed, new, after)
        if not new:
            return {}
        services = trial(
            after, new, self.trial_timeout, self.trial_modules, self.trial_memory, self.dialects
        )
        for given in services.values():
            for name in given.values():
                registered = self.registry.find_service(name)
                if registered is not None and registered.comes_with_plugin:
                    raise Conflict(f"the service {name} comes with a plugin")
        return services


def _given(sources: Sources) -> dict[str, str]:
    """Return the sources, without the packages that go out of service."""
    return {file: source for file, source in sources.items() if source is not None}


def _refuse_imported(removed: Iterable[str], new: Iterable[str], after: Mapping[str, str]) -> None:
    """Raise `Conflict` if packages that stay import a name that is to be removed."""
    gone = {import_name(file) for file in removed} - {import_name(file) for file in new}
    users = importers(after, gone)
    if users:
        names = ", ".join(sorted(gone))
        raise Conflict(f"in use: {names} is imported by {', '.join(sorted(users))}")


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
    names = {import_name(file): file for file in _given(changes)}
    for file in serving:
        if names.get(import_name(file), file) != file:
            changes[file] = None
    return changes
