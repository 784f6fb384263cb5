"""The line that Zato logs for a hot-deployed file, once in each worker that has loaded it."""

from __future__ import annotations

import logging
from bisect import bisect_left
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from hansa import PackageVersion, Server

log = logging.getLogger("zato.hot-deploy.create")
Order: TypeAlias = tuple[float, str, int]
"""When a version was uploaded, its file and its number."""


class Uploads:
    """Numbers the versions of all files in the order in which they were uploaded, from 1: as with
    Zato, the id of a package counts what was uploaded, whatever the file.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._known: list[Order] = []

    def confirm(self, package: PackageVersion) -> None:
        """Log that a version of a file was deployed."""
        number = self._number(_order(package))
        log.info("Uploaded package id:[%s], payload_name:[%s]", number, package.file)

    def _number(self, order: Order) -> int:
        # what is deployed together is stored together: one look is enough for all of it
        if order not in self._known:
            self._known = sorted(_order(version) for version in self._server.packages.versions())
        return bisect_left(self._known, order) + 1


def _order(version: PackageVersion) -> Order:
    return version.at, version.file, version.version
