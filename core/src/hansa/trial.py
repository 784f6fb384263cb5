"""The child process of a trial import: reads a job from standard input and reports in the file it names."""

from __future__ import annotations

import importlib
import json
import os
import sys

import msgspec

from .deploy import Report, describe_error, load_source


def main() -> None:
    """Import one source and report its services, or the error with its line."""
    job = json.loads(sys.stdin.buffer.read())
    for module in job["modules"]:
        importlib.import_module(module)
    os.set_inheritable(job["report"], False)
    try:
        classes = load_source(job["file"], 0, job["source"])
        report = Report({name: cls.get_name() for name, cls in classes.items()})
        for cls, name in report.services.items():
            if not isinstance(name, str) or not 0 < len(name) <= 200:
                report = Report(error=f"{job['file']}: the name of {cls} is no text of 1 to 200 characters")
    except BaseException as error:
        report = Report(error=describe_error(error, job["file"]))
    os.write(job["report"], msgspec.json.encode(report))
    # threads and exit handlers of the source are of no interest
    os._exit(0)


if __name__ == "__main__":
    main()
