"""HTTP headers of Zato that mean something to proxies: the load-balancer of Hansa asks for them by
the entry point group `hansa.headers`.
"""

from __future__ import annotations

from typing import Final

CID_HEADER: Final = "X-Zato-CID"

CORRELATION_HEADERS: Final = (CID_HEADER,)
"""Headers that carry a correlation id."""
ADDRESS_HEADERS: Final = ("X-Zato-Forwarded-For",)
"""Headers by which a proxy says where a request comes from."""
