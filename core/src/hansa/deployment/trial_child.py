"""The child process of a trial import: its job comes on standard input, its report is a file."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from ..contract.packages import import_name
from .failures import describe_error
from .loader import LoadedPackage, PackageLoader
from .report import TrialReport
from .sources import importers

LONGEST_NAME = 200


def main() -> None:
    """Import packages and report the services of each, or the errors with their lines."""
    job = json.loads(sys.stdin.buffer.read())
    for module in job["modules"]:
        importlib.import_module(module)
    os.set_inheritable(job["report"], False)
    _limit_memory(job["memory"])
    try:
        report = _try(job["sources"], job["changed"], job["dialects"])
    except BaseException as error:
        report = TrialReport(errors=[describe_error(error, ", ".join(job["changed"]))])
    os.write(job["report"], msgspec.json.encode(report))
    # threads and exit handlers of the source are of no interest
    os._exit(0)


def _limit_memory(limit: int) -> None:
    """Let this process, and each that it starts, allocate at most so many MiB."""
    size = limit * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _try(
    sources: Mapping[str, str], changed: Collection[str], dialects: Iterable[str]
) -> TrialReport:
    loader = PackageLoader(dialects=dialects)
    made = {package: loader.make(package, 0, source) for package, source in sources.items()}
    loader.loaded = {each.name: each for each in made.values()}
    users = importers(sources, [import_name(package) for package in changed])
    tried = [made[package] for package in sorted({*changed, *users})]
    errors = loader.load(tried)
    services = {each.package: _service_names(each) for each in tried}
    faults = _failures(errors)
    for package, names in services.items():
        faults += _faults_of_names(package, names)
    if faults:
        missing = any(isinstance(error, ImportError) for error in errors.values())
        return TrialReport(errors=faults, missing_module=missing)
    return TrialReport(services)


def _failures(errors: Mapping[str, BaseException]) -> list[str]:
    """Return what failed, each cause once: importers of a package that fails share its error."""
    by_cause: dict[str, str] = {}
    for package, error in errors.items():
        told = describe_error(error, package)
        cause = told.partition(" (from ")[0]
        by_cause[cause] = min(told, by_cause.get(cause, told), key=len)
    return list(by_cause.values())


def _service_names(package: LoadedPackage) -> dict[str, str]:
    return {key: cls.get_name() for key, cls in package.services.items()}


def _faults_of_names(package: str, names: Mapping[str, object]) -> Iterator[str]:
    """Find service names that are not usable, or given twice in a package."""
    given = list(names.values())
    reported = set()
    for key, name in names.items():
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            yield f"{package}: the name of {key} is no text of 1 to {LONGEST_NAME} characters"
        elif given.count(name) > 1 and name not in reported:
            reported.add(name)
            yield f"{package}: two classes have the service name {name}"


if __name__ == "__main__":
    main()
