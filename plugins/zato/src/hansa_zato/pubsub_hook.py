"""`PubSubHook`: services of the Zato dialect that see messages before they are published or pushed."""

from __future__ import annotations

from typing import ClassVar

from hansa import Misused

from .bunch import Bunch
from .dialect.service import Service
from .payloads import PlainDict

PHASES = ("before_publish", "before_delivery")
KEPT_BACK = ("skip", "delete")


class PubSubHook(Service):
    """Base of hooks, which topics name as `before_publish` and `before_delivery`.

    A hook finds the message as `self.request.input.ctx.msg`, and may change its `data`. It keeps it
    back by `self.response.payload.hook_action = "skip"`.
    """

    abstract: ClassVar[bool] = True

    def before_publish(self) -> None:
        """See a message before it is published."""

    def before_delivery(self) -> None:
        """See a message before it is pushed to a subscription."""

    def handle(self) -> None:
        """Call the method of the phase, and answer what hansa-pubsub understands."""
        asked = self.request.payload
        phase = asked.get("phase") if isinstance(asked, dict) else None
        if phase not in PHASES:
            raise Misused(f"{self.get_name()} is called by topics alone")
        message = _message(asked["message"], asked.get("subscription", ""))
        data = message.data
        topic = Bunch(name=message.topic_name)
        self.response.payload = Bunch(hook_action="")
        self.request.input = Bunch(ctx=Bunch(hook_type=phase, msg=message, topic=topic))
        if phase == "before_publish":
            self.before_publish()
        else:
            self.before_delivery()
        self._answer(message, data)

    def _answer(self, message: Bunch, before: object) -> None:
        action = self.response.payload.hook_action
        answer: PlainDict = {}
        if action in KEPT_BACK:
            answer["skip"] = True
        elif message.data != before:
            answer["data"] = message.data
        self.response.payload = answer


def _message(about: PlainDict, subscription: str) -> Bunch:
    """Return a message with the names that Zato has."""
    return Bunch(
        about,
        msg_id=about["id"],
        pub_msg_id=about["id"],
        topic_name=about["topic"],
        correl_id=about["correlation_id"],
        ext_client_id=about["client_id"],
        sub_key=subscription,
    )
