"""`self.response`: what a service of the Zato dialect answers with."""

from __future__ import annotations

from typing import Any

from ..constants import ZATO_OK
from ..sio.payload import Payload


def is_element(value: Any) -> bool:
    """Whether it is an lxml element."""
    return hasattr(value, "tag") and hasattr(value, "nsmap")


class Response:
    """`payload`, `status_code`, `headers`, `content_type`, `result`.

    With a declared output, `payload` is filled by attributes and items; text, bytes or an XML element assigned to it goes out
    as it is. Without one, whatever is assigned goes out, plain data in the format of the channel.
    """

    __slots__ = (
        "_declared",
        "_payload",
        "_whole",
        "cid",
        "content_encoding",
        "content_type",
        "data_format",
        "headers",
        "result",
        "result_details",
        "status_code",
        "status_message",
    )

    def __init__(self, names: frozenset[str] | None, cid: str = "", data_format: str = "") -> None:
        self._declared = names is not None
        self._payload = Payload(names) if names is not None else None
        self._whole: Any = ""
        self.cid = cid
        self.data_format = data_format
        self.headers: dict[str, str] = {}
        self.status_code: int = 200
        self.status_message = "OK"
        self.content_type = ""
        self.content_encoding = ""
        self.result = ZATO_OK
        self.result_details = ""

    @property
    def payload(self) -> Any:
        """The answer."""
        return self._whole if self._payload is None else self._payload

    @payload.setter
    def payload(self, value: Any) -> None:
        if not self._declared:
            self._whole = value
        elif isinstance(value, Payload):
            self._payload = value
        elif value is not None:
            if isinstance(value, str | bytes) or is_element(value):
                self._payload, self._whole = None, value
            else:
                self._payload = self._payload or Payload(frozenset())
                self._payload.assign(value)

    def __len__(self) -> int:
        payload = self.payload
        return len(payload) if hasattr(payload, "__len__") else int(payload is not None)

    def __bool__(self) -> bool:
        return True
