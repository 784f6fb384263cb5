"""The line that Zato writes when a file was hot-deployed, once in each worker that has it."""

from __future__ import annotations

import logging
from typing import Any, Final

SOURCE: Final = "hansa.worker"
PREFIX: Final = "%s %s version %s"
log = logging.getLogger("zato.hot-deploy.create")


class Confirmation(logging.Filter):
    """Lets every record pass, and repeats in Zato's words the one by which a worker tells that it loaded a file.

    What a worker loads while it starts was deployed before, and is not told again.
    """

    def __init__(self, server: Any) -> None:
        super().__init__()
        self.server = server

    def filter(self, record: logging.LogRecord) -> bool:
        """Look at a record."""
        if (
            self.server.ready
            and str(record.msg).startswith(PREFIX)
            and isinstance(record.args, tuple)
        ):
            how, file, version = record.args[:3]
            if how == "loaded":  # else only what it imports was deployed
                log.info("Uploaded package id:[%s], payload_name:[%s]", version, file)
        return True


def confirm_deployments(server: Any) -> None:
    """Begin to write the line in this worker."""
    logging.getLogger(SOURCE).addFilter(Confirmation(server))
