"""`self.response`: what a service of the Zato dialect answers with."""

from __future__ import annotations

from ..constants import ZATO_OK
from ..payloads import PlainDict, Value
from ..sio.payload import Payload
from ..sio.xml import is_element


class Response:
    """`payload`, `status_code`, `headers`, `content_type`, `result`.

    With a declared output, `payload` is filled by attributes and items; text, bytes or an XML
    element assigned to it goes out as it is. Without one, whatever is assigned goes out, plain data
    in the format of the channel.
    """

    __slots__ = (
        "_is_declared",
        "_payload",
        "_whole",
        "cid",
        "content_encoding",
        "content_type",
        "data_format",
        "headers",
        "meta",
        "result",
        "result_details",
        "status_code",
        "status_message",
    )

    def __init__(self, names: frozenset[str] | None, cid: str = "", data_format: str = "") -> None:
        self._is_declared = names is not None
        self._payload = None if names is None else Payload(names)
        self._whole: Value = ""
        self.cid = cid
        self.data_format = data_format
        self.headers: dict[str, str] = {}
        self.status_code: int = 200
        self.status_message = "OK"
        self.content_type = ""
        self.content_encoding = ""
        self.result = ZATO_OK
        self.result_details = ""
        self.meta: PlainDict | None = None

    @property
    def payload(self) -> Value:
        """The answer."""
        return self._whole if self._payload is None else self._payload

    @payload.setter
    def payload(self, value: object) -> None:
        if not self._is_declared:
            self._whole = value
        elif isinstance(value, Payload):
            self._payload = value
        elif isinstance(value, str | bytes) or is_element(value):
            self._payload = None
            self._whole = value
        elif value is not None:
            if self._payload is None:
                self._payload = Payload(frozenset())
            self._payload.assign(value)

    def __len__(self) -> int:
        payload = self.payload
        return len(payload) if hasattr(payload, "__len__") else int(payload is not None)

    def __bool__(self) -> bool:
        return True
