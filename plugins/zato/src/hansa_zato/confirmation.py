"""The line that Zato logs for a hot-deployed file, once in each worker that has loaded it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from hansa import PackageVersion

log = logging.getLogger("zato.hot-deploy.create")


def confirm(package: PackageVersion, stored: Iterable[PackageVersion]) -> None:
    """Log that a version of a file was deployed; `stored` are all versions of all files.

    As with Zato, the id counts what was uploaded, whatever the file.
    """
    older = sum(_order(version) < _order(package) for version in stored)
    log.info("Uploaded package id:[%s], payload_name:[%s]", older + 1, package.file)


def _order(version: PackageVersion) -> tuple[float, str, int]:
    return version.at, version.file, version.version
