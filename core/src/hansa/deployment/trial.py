"""The child process of a trial import: reads a job from standard input and reports in the file it names."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Collection, Mapping

import msgspec

from ..contract.packages import import_name
from . import deploy
from .deploy import Loaded, Report, describe_error, importers, load


def main() -> None:
    """Import packages and report the services of each, or the errors with their lines."""
    job = json.loads(sys.stdin.buffer.read())
    for module in job["modules"]:
        importlib.import_module(module)
    os.set_inheritable(job["report"], False)
    try:
        report = _report(job["sources"], job["changed"])
    except BaseException as error:
        report = Report(errors=[describe_error(error, ", ".join(job["changed"]))])
    os.write(job["report"], msgspec.json.encode(report))
    # threads and exit handlers of the source are of no interest
    os._exit(0)


def _report(sources: Mapping[str, str], changed: Collection[str]) -> Report:
    errors = dict[str, str]()
    deploy.loaded = {
        import_name(package): Loaded(package, 0, source) for package, source in sources.items()
    }
    tried = {*changed, *importers(sources, map(import_name, changed))}
    for package, error in load(
        [deploy.loaded[import_name(package)] for package in sorted(tried)]
    ).items():
        told = describe_error(error, package)
        # whoever imports what does not import fails by the same error
        cause = told.partition(" (from ")[0]
        errors[cause] = min(told, errors.get(cause, told), key=len)
    services = {
        p: {key: cls.get_name() for key, cls in deploy.loaded[import_name(p)].services.items()}
        for p in tried
    }
    for package, given in services.items():
        for key, name in given.items():
            if not isinstance(name, str) or not 0 < len(name) <= 200:
                errors[key] = f"{package}: the name of {key} is no text of 1 to 200 characters"
            elif list(given.values()).count(name) > 1:
                errors[name] = f"{package}: two classes have the service name {name}"
    return Report(errors=list(errors.values())) if errors else Report(services)


if __name__ == "__main__":
    main()
