"""The first service of the tutorial: it writes what it is given to the log of its server."""

from zato.server.service import Service


class GetClientDetails(Service):
    """Logs what it is given."""

    def handle(self):
        """Log it."""
        self.log_input()
