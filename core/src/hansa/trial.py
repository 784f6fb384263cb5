"""The child process of a trial import: reads a job from standard input and reports on the pipe it names."""

from __future__ import annotations

import importlib
import json
import os
import sys

from .deploy import describe_error, load_source


def main() -> None:
    """Import one source and report its services, or the error with its line."""
    job = json.loads(sys.stdin.buffer.read())
    for module in job["modules"]:
        importlib.import_module(module)
    os.set_inheritable(job["report"], False)
    report: dict[str, object]
    try:
        classes = load_source(job["file"], 0, job["source"])
        report = {"services": {name: cls.get_name() for name, cls in classes.items()}}
    except BaseException as error:
        report = {"error": describe_error(error, job["file"])}
    os.write(job["report"], json.dumps(report).encode())
    # threads and exit handlers of the source are of no interest
    os._exit(0)


if __name__ == "__main__":
    main()
