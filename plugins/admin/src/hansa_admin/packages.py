"""The admin services of packages: `admin.service.{packages,source,deploy,rollback,delete}`."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, NotFound, PackageVersion, dump, setting

from .answers import Changed, Filter, NotRunning, PlainData, applied_data, changed
from .export import package_of
from .operation import Operation, require_number
from .outcome import Outcome


class Sources(Model):
    """One file by `file` and `source`, or several by `files`."""

    file: Annotated[str, setting("Name of the file", example="my_service.py")] = ""
    source: Annotated[str, setting("The Python source", multiline=True)] = ""
    files: Annotated[
        dict[str, str],
        setting(
            "Sources by path: services, helper modules, packages",
            example={"rates/__init__.py": "", "prices.py": ""},
        ),
    ] = {}

    @property
    def by_path(self) -> dict[str, str]:
        """The sources by path."""
        return self.files or {self.file: self.source}

    def check(self) -> None:
        """Refuse both at once, and neither."""
        if bool(self.file) == bool(self.files) or (self.files and self.source):
            raise Invalid({"file": "give either file and source, or files"})


class DeployedPackage(Model):
    """A package that serves."""

    file: Annotated[str, setting("Name of the file, or of the folder with a / at its end")]
    version: Annotated[int, setting("Version that now serves")]
    services: Annotated[
        list[str], setting("Names of the services found in it; none in a helper module")
    ]


class Applied(Model):
    """What every answer to a change has."""

    revision: Annotated[int, setting("Revision of the change")]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that have yet to apply it")]


class Loaded(Applied):
    """The result of a change of packages, which workers load."""

    not_running: Annotated[
        list[NotRunning], setting("Packages that some workers could not load, and why")
    ]


class Deployment(Loaded):
    """The result of a deployment, which is one revision."""

    packages: Annotated[list[DeployedPackage], setting("The given packages, by file")]
    services: Annotated[list[str], setting("Names of all services found")]
    version: Annotated[
        int | None, setting("Version that now serves, if one file or folder was given")
    ] = None


class RolledBack(Loaded, DeployedPackage):
    """The package that serves again."""


class Version(Model):
    """A version of a file or folder."""

    file: Annotated[
        str,
        setting(
            "Name of the file or folder, or of a service in it",
            example="my_service.py",
            min_length=1,
        ),
    ]
    version: Annotated[
        int | None, setting("Version to go back to; by default the one before the current one")
    ] = None

    def check(self) -> None:
        """Refuse a number that no version has."""
        require_number("version", self.version)


class Package(Model):
    """One version of a deployed file or folder."""

    file: Annotated[str, setting("Name of the file, or of the folder with a / at its end")]
    version: Annotated[int, setting("Number of the version")]
    current: Annotated[bool, setting("Whether it serves")]
    files: Annotated[list[str], setting("Paths of its files")]
    imports: Annotated[list[str], setting("Deployed files and folders that it imports")]
    imported_by: Annotated[
        list[str], setting("Deployed files and folders that import it, reloaded when it changes")
    ]
    services: Annotated[list[str], setting("Names of its services")]
    sha256: Annotated[str, setting("Digest of its source")]
    deployed_at: Annotated[float | str, setting("Time of its deployment")]
    deployed_by: Annotated[str, setting("Author of its deployment")]


class PackageFilter(Filter):
    """Which packages to list."""

    all: Annotated[bool, setting("Include versions that do not serve")] = False


class Packages(Model):
    """The list of packages."""

    items: Annotated[list[Package], setting("Packages, by file and version")]
    total: Annotated[int, setting("Number of packages on all pages")]


class SourceFiles(Model):
    """The source of one version."""

    file: Annotated[str, setting("Name of the file or folder")]
    files: Annotated[dict[str, str], setting("The sources by path")]


class Removal(Model):
    """What to take out of service."""

    name: Annotated[
        str, setting("A service, a file, or a folder with a / at its end", min_length=1)
    ]
    more: Annotated[
        list[str], setting("More services, files or folders, removed by the same change")
    ] = []


class PackageOperation(Operation):
    """An operation on packages."""

    abstract = True

    def packages(self, file: str = "") -> list[Package]:
        """Return all versions of a package, or of all packages."""
        versions = self.server.packages.versions()
        imports = _imports([version for version in versions if version.current])
        found = [version for version in versions if file in ("", version.file)]
        return [_show(version, imports) for version in found]

    def files(self, file: str, version: int | None = None) -> dict[str, str]:
        """Return the sources of one version of a package, by path; by default of the current one.

        Raises `NotFound`.
        """
        package = self.server.packages.get(file, version or 0)
        if package is None:
            which = f" of version {version}" if version else ""
            raise NotFound(f"no file {file!r}{which} is deployed")
        return dict(package.files)

    def file_of(self, name: str) -> str:
        """Return the file or folder of this name, or that of the service of this name.

        Raises `NotFound`.
        """
        there = {package.file for package in self.server.packages.versions()}
        for meant in (name, f"{name}/"):
            if meant in there:
                return meant
        try:
            origin = self.server.registry.service(name).origin
        except NotFound:
            raise NotFound(f"no file and no service is named {name!r}") from None
        if origin.startswith("plugin "):
            raise NotFound(f"the service {name!r} comes with the {origin} and has no versions")
        return origin


def _imports(serving: list[PackageVersion]) -> dict[str, set[str]]:
    """Return the files of the packages that each package imports, by file."""
    by_name = {package.name: package.file for package in serving}
    found = {}
    for package in serving:
        used = {by_name[name] for name in package.imports if name in by_name}
        found[package.file] = used - {package.file}
    return found


def _show(package: PackageVersion, imports: dict[str, set[str]]) -> Package:
    used: set[str] = set()
    users: list[str] = []
    if package.current:
        used = imports[package.file]
        users = [user for user in imports if package.file in imports[user]]
    return Package(
        file=package.file,
        version=package.version,
        current=package.current,
        sha256=package.sha256,
        files=sorted(package.files),
        imports=sorted(used),
        imported_by=sorted(users),
        services=sorted(package.services.values()),
        deployed_at=package.at,
        deployed_by=package.by,
    )


class ServicePackages(PackageOperation):
    """List the deployed files and folders: versions, services, and which imports which."""

    name = "admin.service.packages"
    right = "view"
    Input = PackageFilter
    Output = Packages

    def handle(self) -> Packages:
        """Return one page."""
        asked: PackageFilter = self.request.input
        found = [
            package
            for package in self.packages()
            if asked.matches(package.file) and (asked.all or package.current)
        ]
        return Packages(items=asked.page(found), total=len(found))


class ServiceSource(PackageOperation):
    """Show the source of a deployed file or folder, by default of the version that serves."""

    name = "admin.service.source"
    right = "view"
    Input = Version
    Output = SourceFiles

    def handle(self) -> SourceFiles:
        """Return the sources by path."""
        asked: Version = self.request.input
        file = self.file_of(asked.file)
        return SourceFiles(file=file, files=self.files(file, asked.version))


class ServiceDeploy(PackageOperation):
    """Deploy sources: try to import them, store them as new versions, and let them serve.

    They are one change: all of them are deployed or none. What imports them is tried with them, and
    loaded anew in every worker.
    """

    name = "admin.service.deploy"
    right = "deploy"
    Input = Sources
    Output = Deployment

    def handle(self) -> PlainData:
        """Deploy them; raises `Invalid` with the errors of the sources and their lines."""
        asked: Sources = self.request.input
        outcome = Outcome(self.server)
        try:
            done = self.server.packages.deploy(asked.by_path, by=self.caller)
        except Invalid as invalid:
            if asked.files:
                raise Invalid({"files": "; ".join(invalid.errors.values())}) from None
            raise
        services = [name for package in done.packages for name in package.services]
        version = done.packages[0].version if len(done.packages) == 1 else None
        return {
            **applied_data(done),
            "packages": done.packages,
            "services": sorted(services),
            "version": version,
            "not_running": outcome.failures(
                done, packages=[package.file for package in done.packages]
            ),
        }


class TriedPackage(Model):
    """A package that would be loaded anew."""

    file: Annotated[str, setting("Name of the file, or of the folder with a / at its end")]
    version: Annotated[int, setting("Version that serves now; 0 if none does")]
    given: Annotated[
        bool, setting("Whether it was given; otherwise it imports what was, and is tried with it")
    ]
    services: Annotated[list[str], setting("Names of the services found in it")]


class TriedPackages(Model):
    """The result of a trial."""

    items: Annotated[list[TriedPackage], setting("Packages that would be loaded anew, by file")]
    total: Annotated[int, setting("Number of packages")]


class ServiceTry(PackageOperation):
    """Try to import sources, with all that imports them, as a deployment does; nothing is stored."""

    name = "admin.service.try"
    right = "deploy"
    Input = Sources
    Output = TriedPackages

    def handle(self) -> TriedPackages:
        """Return what would be loaded anew; raises `Invalid` with the errors and their lines."""
        asked: Sources = self.request.input
        given = {package_of(path) for path in asked.by_path}
        items = [
            TriedPackage(
                file=package.file,
                version=package.version,
                given=package.file in given,
                services=package.services,
            )
            for package in self.server.packages.try_sources(asked.by_path)
        ]
        return TriedPackages(items=items, total=len(items))


class ServiceRollback(PackageOperation):
    """Let an older version of a file or folder serve again, unless what imports it fails with it."""

    name = "admin.service.rollback"
    right = "deploy"
    Input = Version
    Output = RolledBack

    def handle(self) -> PlainData:
        """Deploy it again: a source that was deployed before is that version again."""
        asked: Version = self.request.input
        file = self.file_of(asked.file)
        there = {package.version: package for package in self.server.packages.versions(file)}
        serving = self.server.packages.serving().get(file, 0)
        older = [version for version in there if version < serving]
        wanted = asked.version or max(older, default=0)
        if wanted not in there:
            missing = asked.version or "before the one that serves"
            raise NotFound(f"{file!r} has no version {missing}")
        outcome = Outcome(self.server)
        done = self.server.packages.deploy(there[wanted].files, by=self.caller)
        unloaded = outcome.failures(done, packages=[file])
        return {**dump(done.packages[0]), **applied_data(done), "not_running": unloaded}


class ServiceDelete(PackageOperation):
    """Take a service out of use, with all of its file or folder; refused while it is in use."""

    name = "admin.service.delete"
    right = "deploy"
    Input = Removal
    Output = Changed

    def handle(self) -> PlainData:
        """Remove all that is named, as one change."""
        asked: Removal = self.request.input
        removed = {self.file_of(name) for name in (asked.name, *asked.more)}
        done = self.server.packages.deploy({}, remove=sorted(removed), by=self.caller)
        return changed(asked.name, done)


OPERATIONS: tuple[type[Operation], ...] = (
    ServicePackages,
    ServiceSource,
    ServiceTry,
    ServiceDeploy,
    ServiceRollback,
    ServiceDelete,
)
