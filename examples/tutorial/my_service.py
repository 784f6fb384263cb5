"""The first service of the tutorial: it writes what it is given to the log of its server."""

from zato.server.service import Service


class GetClientDetails(Service):
    def handle(self):
        self.log_input()
