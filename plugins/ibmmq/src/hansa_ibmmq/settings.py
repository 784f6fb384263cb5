"""The settings of connections to queue managers of IBM MQ, over mqweb."""

from __future__ import annotations

from typing import Annotated

from hansa import setting
from hansa_connect.login import ChannelLogin, LoginSettings, OutgoingLogin
from hansa_connect.pooled import PoolSettings
from hansa_connect.pulling import PullSettings
from hansa_connect.tls import TlsSettings
from hansa_http.address import HttpAddress

MQWEB_PORT = 9443
MQWEB_PLAIN_PORT = 9080
_NAME = r"^[A-Za-z0-9._/%]{1,48}$"
"""A queue or a queue manager (IBM MQ, "Rules for naming IBM MQ objects")."""
_OPTIONAL_NAME = r"^[A-Za-z0-9._/%]{0,48}$"


class QueueManagerSettings(PoolSettings, TlsSettings, LoginSettings):
    """Queue manager.

    Where mqweb is, the server of the REST API, and which queue manager is meant.
    """

    port: Annotated[
        int,
        setting("TCP port of mqweb; 0 for 9443, or 9080 without TLS", ge=0, le=65535),
    ] = 0
    tls: Annotated[
        bool, setting("Encrypt the connection with TLS and verify the server's certificate")
    ] = True
    queue_manager: Annotated[
        str,
        setting(
            "Name of the queue manager, or of the connection to a remote one",
            pattern=_NAME,
            example="QM1",
        ),
    ]

    @property
    def address(self) -> str:
        """The URL of mqweb."""
        scheme = "https" if self.tls else "http"
        port = self.port or (MQWEB_PORT if self.tls else MQWEB_PLAIN_PORT)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{port}"

    def http(self, max_response: int) -> HttpAddress:
        """Return the settings of the HTTP client, whose names of definitions are resolved."""
        return HttpAddress(
            address=self.address,
            timeout=self.timeout,
            deadline=self.timeout,
            retries=1,  # of what may be repeated: a message is deleted by its id
            pool_size=self.max_connections,
            max_response=max_response,
            follow_redirects=False,
            tls_ca=self.tls_ca,
            tls_certificate=self.tls_certificate,
            tls_key=self.tls_key,
        )


class GettingSettings(PullSettings, ChannelLogin, QueueManagerSettings):
    """Queue."""

    queue: Annotated[str, setting("Queue to consume", pattern=_NAME, example="DEV.QUEUE.1")]
    dead_letter_queue: Annotated[
        str,
        setting(
            "Queue that a message is put to which cannot be handled",
            pattern=_NAME,
            example="DEV.DEAD.LETTER.QUEUE",
        ),
    ]
    interval: Annotated[
        float,
        setting("Seconds between two requests for messages while there are none", gt=0, le=86400),
    ] = 1.0


class PuttingSettings(OutgoingLogin, QueueManagerSettings):
    """Putting."""

    queue: Annotated[
        str, setting("Queue that messages are put to if none is given", pattern=_OPTIONAL_NAME)
    ] = ""
    persistent: Annotated[bool, setting("Have the queue manager keep messages on disk")] = True
    max_body: Annotated[
        int,
        setting(
            "Maximum size of a message in bytes; a larger one is refused, as it would be by the "
            "queue: MAXMSGL is 4 MiB by default",
            ge=1,
        ),
    ] = 4 * 1024 * 1024
