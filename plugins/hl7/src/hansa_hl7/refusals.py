"""What the other side refuses, and what is no MLLP."""

from __future__ import annotations

from hansa import HansaError

from .acknowledgement import Acknowledgement


class Refusal(HansaError):
    """The other side does not accept a message; `acknowledgement` is its answer.

    One of a fault in the message (AE, CE) would be the same again: a broker's message whose service
    does not catch it is given up at once. After AR or CR, the same message may be taken later.
    """

    code = "hl7-refusal"
    status = 500
    title = "Message refused"
    internal = True

    def __init__(self, where: str, acknowledgement: Acknowledgement) -> None:
        told = acknowledgement.code or "an empty code"
        super().__init__(f"{where} refuses message {acknowledgement.control_id} with {told}")
        self.reason = acknowledgement.text
        self.acknowledgement = acknowledgement
        if acknowledgement.code[1:] == "E":
            self.outcome = "reject"


class FramingFault(Exception):
    """What came is no MLLP, or not in time; nothing after it can be read."""


class FrameTooLarge(FramingFault):
    """A message is larger than what is taken; `head` is its beginning."""

    def __init__(self, limit: int, head: bytes) -> None:
        super().__init__(f"the message is larger than max_body, {limit} bytes")
        self.head = head
