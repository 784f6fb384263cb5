"""What a mail server refuses."""

from __future__ import annotations

from collections.abc import Mapping

from hansa import HansaError


class MailRefused(HansaError):
    """A mail server takes a message for none of its recipients.

    `replies` maps each recipient to the server's reply, or an empty text to that which concerns the
    whole message. One that is `permanent` (5xx) would be the same again: a broker's message whose
    service does not catch it is given up at once.
    """

    code = "mail-refused"
    status = 500
    title = "Mail refused"
    internal = True

    def __init__(self, where: str, replies: Mapping[str, str], *, permanent: bool) -> None:
        shown = "; ".join(f"{to}: {reply}" if to else reply for to, reply in replies.items())
        super().__init__(f"{where} refuses the message: {shown}")
        self.replies = dict(replies)
        self.permanent = permanent
        if permanent:
            self.outcome = "reject"
