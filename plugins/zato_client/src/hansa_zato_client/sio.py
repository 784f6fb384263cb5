"""The client of services whose answers in JSON stand in Zato's envelope."""

from __future__ import annotations

from typing import Final

import requests

from .client import decoded
from .formats import JSONClient, details_of
from .response import ZATO_OK, Answer
from .values import Value

ENVELOPE: Final = "zato_env"


class JSONSIOClient(JSONClient):
    """Sends data in JSON, and gives what stands beside `zato_env` in the answer."""

    def read(self, response: requests.Response) -> Answer:
        """Return the content of the answer's one element; raises ValueError for anything else."""
        message = decoded(response)
        if message is None:
            return Answer()
        if not isinstance(message, dict):
            raise ValueError(f"no object: {response.text}")
        envelope = message.get(ENVELOPE)
        result = envelope.get("result", ZATO_OK) if isinstance(envelope, dict) else ZATO_OK
        ok = result == ZATO_OK
        details = "" if ok and response.ok else details_of(message)
        data = self.shaped(_content(message))
        return Answer(data, ok=ok, details=details, result=message)


def _content(message: dict[str, Value]) -> Value:
    """Return what an answer holds in its one element; of several all of them."""
    content = {name: value for name, value in message.items() if name != ENVELOPE}
    if len(content) == 1:
        (only,) = content.values()
        return only
    return content or None
