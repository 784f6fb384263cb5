"""The admin services of what is deployed: `admin.service.{packages,source,deploy,rollback,delete}`."""

from __future__ import annotations

from typing import Annotated, Any

from hansa import Invalid, Model, NotFound, dump, setting

from .answers import Changed, Filter, applied_data, changed
from .operation import Operation


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

    def check(self) -> None:
        """Either the one or the other."""
        if bool(self.file) == bool(self.files) or (self.files and self.source):
            raise Invalid({"file": "give either file and source, or files"})


class DeployedPackage(Model):
    """One package that serves."""

    file: Annotated[str, setting("Name of the file, or of the folder with a / at its end")]
    version: Annotated[int, setting("Version that now serves")]
    services: Annotated[
        list[str], setting("Names of the services found in it; a helper module has none")
    ]


class Applied(Model):
    """What is told of every change."""

    revision: Annotated[int, setting("Revision of the change")]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that are still to apply it")]


class Deployment(Applied):
    """What a deployment brought, all of it by one revision."""

    packages: Annotated[list[DeployedPackage], setting("What was given, by file")]
    services: Annotated[list[str], setting("Names of all services found")]
    version: Annotated[
        int | None, setting("Version that now serves, if one file or folder was given")
    ] = None


class RolledBack(Applied, DeployedPackage):
    """What serves again."""


class Version(Model):
    """A version of a file or folder."""

    file: Annotated[
        str,
        setting(
            "Name of the file or folder, or of a service that it gives",
            example="my_service.py",
            min_length=1,
        ),
    ]
    version: Annotated[
        int | None, setting("Version to go back to; by default the one before the current one")
    ] = None


class Package(Model):
    """One version of a deployed file or folder."""

    file: Annotated[str, setting("Name of the file, or of the folder with a / at its end")]
    version: Annotated[int, setting("Number of the version")]
    current: Annotated[bool, setting("Whether it serves")]
    files: Annotated[list[str], setting("Paths of its files")]
    imports: Annotated[list[str], setting("The deployed files and folders that it imports")]
    imported_by: Annotated[
        list[str], setting("Those that import it, and are loaded anew when it changes")
    ]
    services: Annotated[list[str], setting("Names of its services")]
    sha256: Annotated[str, setting("Digest of its source")]
    deployed_at: Annotated[float | str, setting("When it was deployed")]
    deployed_by: Annotated[str, setting("Who deployed it")]


class Wanted(Filter):
    """Which packages to list."""

    all: Annotated[bool, setting("Also versions that do not serve")] = False


class Packages(Model):
    """The list of packages."""

    items: Annotated[list[Package], setting("The packages, by file and version")]
    total: Annotated[int, setting("How many there are")]


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
        list[str], setting("More services, files or folders, taken out by the same change")
    ] = []


class OnPackages(Operation):
    """An operation on what is deployed."""

    abstract = True

    def packages(self, *files: str) -> list[dict[str, Any]]:
        """All versions of these packages, or of all of them."""
        there = self.server.packages.versions()
        serving = {package.name: package for package in there if package.current}
        imports = {
            package.file: {serving[used].file for used in package.imports & serving.keys()}
            - {package.file}
            for package in serving.values()
        }
        return [
            {
                "file": package.file,
                "version": package.version,
                "current": package.current,
                "sha256": package.sha256,
                "files": sorted(package.files),
                "imports": sorted(imports.get(package.file, ())) if package.current else [],
                "imported_by": sorted(
                    user for user in imports if package.current and package.file in imports[user]
                ),
                "services": sorted(package.services.values()),
                "deployed_at": package.at,
                "deployed_by": package.by,
            }
            for package in there
            if not files or package.file in files
        ]

    def files(self, file: str, version: int | None = None) -> dict[str, str]:
        """The sources of one version of a package, by path; by default those that serve."""
        package = self.server.packages.get(file, version or 0)
        if package is None:
            raise NotFound(
                f"no file {file!r}" + (f" of version {version}" if version else "") + " is deployed"
            )
        return dict(package.files)

    def file_of(self, name: str) -> str:
        """The file or folder that is meant: itself, or the one which gives the service of this name."""
        there = {package.file for package in self.server.packages.versions()}
        for meant in (name, f"{name}/"):
            if meant in there:
                return meant
        try:
            origin = str(self.server.registry.service(name).origin)
        except NotFound:
            raise NotFound(f"no file and no service is named {name!r}") from None
        if origin.startswith("plugin "):
            raise NotFound(f"the service {name!r} comes with the {origin} and has no versions")
        return origin


class ServicePackages(OnPackages):
    """List the deployed files and folders: versions, services, and which imports which."""

    name, Input, Output = "admin.service.packages", Wanted, Packages

    def handle(self) -> Any:
        asked = self.request.input
        found = [
            p
            for p in self.packages()
            if asked.filter.lower() in p["file"].lower() and (asked.all or p["current"])
        ]
        return {"items": found[asked.offset : asked.offset + asked.limit], "total": len(found)}


class ServiceSource(OnPackages):
    """Show the source of a deployed file or folder, by default of the version that serves."""

    name, Input, Output = "admin.service.source", Version, SourceFiles

    def handle(self) -> Any:
        file = self.file_of(self.request.input.file)
        return {"file": file, "files": self.files(file, self.request.input.version)}


class ServiceDeploy(OnPackages):
    """Deploy sources: try to import them with all that imports them, store them as new versions, and let them serve.

    They are one change: all of them are deployed or none. What imports them is loaded anew in every worker.
    """

    name, Input, Output = "admin.service.deploy", Sources, Deployment

    def handle(self) -> Any:
        asked = self.request.input
        try:
            done = self.server.packages.deploy(
                asked.files or {asked.file: asked.source}, by=self.caller
            )
        except Invalid as invalid:
            if asked.files:
                raise Invalid({"files": "; ".join(invalid.errors.values())}) from None
            raise
        services = sorted(name for package in done.packages for name in package.services)
        return {
            **applied_data(done),
            "packages": done.packages,
            "services": services,
            "version": done.packages[0].version if len(done.packages) == 1 else None,
        }


class ServiceRollback(OnPackages):
    """Let an older version of a file or folder serve again, unless what imports it fails with that."""

    name, Input, Output = "admin.service.rollback", Version, RolledBack

    def handle(self) -> Any:
        file, version = self.file_of(self.request.input.file), self.request.input.version
        there = {package.version: package for package in self.server.packages.versions(file)}
        serving = self.server.packages.serving().get(file, 0)
        wanted = version or max((each for each in there if each < serving), default=0)
        if wanted not in there:
            raise NotFound(f"{file!r} has no version {version or 'before the one that serves'}")
        # a source that was deployed before is that version again
        answer = self.server.packages.deploy(there[wanted].files, by=self.caller)
        return {**dump(answer.packages[0]), **applied_data(answer)}


class ServiceDelete(OnPackages):
    """Take a service out of use, with all of its file or folder; refused while a channel uses one or something imports it."""

    name, Input, Output = "admin.service.delete", Removal, Changed

    def handle(self) -> Any:
        asked = self.request.input
        removed = {self.file_of(name) for name in (asked.name, *asked.more)}
        done = self.server.packages.deploy({}, remove=sorted(removed), by=self.caller)
        return changed(asked.name, done)


OPERATIONS: tuple[type[Operation], ...] = (
    ServicePackages,
    ServiceSource,
    ServiceDeploy,
    ServiceRollback,
    ServiceDelete,
)
