"""The line that Zato logs for a hot-deployed file, once in each worker that has loaded it."""

from __future__ import annotations

import logging

log = logging.getLogger("zato.hot-deploy.create")


def confirm(file: str, version: int) -> None:
    """Log that a version of a file was deployed."""
    log.info("Uploaded package id:[%s], payload_name:[%s]", version, file)
