"""What a language model answers, as services get it."""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

import msgspec
from hansa import Model, setting
from hansa_http.response import BadAnswer

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""Plain data."""


class ToolCall(Model):
    """A call that the model asks for; the service makes it, and tells the model what came of it."""

    id: Annotated[str, setting("Id by which the result is sent back")]
    name: Annotated[str, setting("Name of the tool")]
    arguments: Annotated[
        str, setting("Its arguments as JSON, as the model wrote them: not checked")
    ]

    def parsed(self) -> Json:
        """Return the arguments as plain data; raises `BadAnswer` if the model wrote no JSON."""
        return parse_json(self.arguments, f"the arguments of {self.name}")


class Usage(Model):
    """Tokens of a call."""

    read: Annotated[int, setting("Tokens that were sent")] = 0
    written: Annotated[int, setting("Tokens that the model wrote")] = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.read + self.written


class Completion(Model):
    """An answer."""

    text: Annotated[str, setting("What the model wrote; empty if it asks for tools")] = ""
    finish_reason: Annotated[
        str, setting("Why it ended: stop, length (max_tokens), tool_calls, content_filter")
    ] = ""
    tool_calls: Annotated[list[ToolCall], setting("Calls that it asks for")] = []
    refusal: Annotated[str, setting("Why the model does not answer, if it says so")] = ""
    model: Annotated[str, setting("The model that has answered")] = ""
    usage: Annotated[Usage, setting("Tokens of the call")] = Usage()

    def data(self) -> Json:
        """Return the text as plain data; raises `BadAnswer` if the model wrote no JSON, or was cut
        off.
        """
        return parse_json(self.text, f"the text, which ended by {self.finish_reason!r},")


def parse_json(text: str, what: str) -> Json:
    """Return JSON as plain data; raises `BadAnswer`, which says what is none."""
    try:
        return cast(Json, msgspec.json.decode(text))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadAnswer(f"{what} is not JSON") from error


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _Call(msgspec.Struct):
    function: _Function
    id: str = ""


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    model: str = ""
    usage: _Usage | None = None


def read_completion(content: bytes, connection: str) -> tuple[Completion, bool]:
    """Return an answer, and whether it tells its usage; raises `BadAnswer` for what is none."""
    try:
        answer = msgspec.json.decode(content, type=_Answer)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadAnswer(f"{connection}: the answer is no chat completion") from error
    if not answer.choices:
        raise BadAnswer(f"{connection}: the answer has no choice")
    first = answer.choices[0]
    usage = answer.usage or _Usage()
    calls = [
        ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
        for call in first.message.tool_calls or []
    ]
    used = Usage(read=max(0, usage.prompt_tokens), written=max(0, usage.completion_tokens))
    completion = Completion(
        text=first.message.content or "",
        finish_reason=first.finish_reason or "",
        tool_calls=calls,
        refusal=first.message.refusal or "",
        model=answer.model,
        usage=used,
    )
    return completion, answer.usage is not None and used.total > 0
