"""The outgoing connection llm: chat completions over OpenAI-compatible HTTP."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NoReturn, TypeAlias

import msgspec
from hansa import Invalid, Misused, OutgoingRequest, TimedOut, Unavailable, deadline, time_left
from hansa_http.outgoing import HttpOutgoing
from hansa_http.response import HttpResponse
from hansa_http.retry import Broken, pause

from .budget import Budget
from .completion import Completion, read_completion
from .faults import OVERLOADED, LoginRefused, Overloaded, refusal_of
from .settings import LlmSettings

PATH = "/chat/completions"
HEADERS = {"Content-Type": "application/json"}
OWN = frozenset(("messages", "model", "max_tokens", "max_completion_tokens", "stream", "n"))
"""Parameters that have an argument or a setting of their own, or one meaning alone."""

SHORTEST_KEY = 6
"""Characters of a key that is left out of what a server says."""

Message: TypeAlias = Mapping[str, object]
"""A message as the API has it: `role`, `content` and so on."""


class LlmOutgoing(HttpOutgoing[LlmSettings]):
    """Asks a language model: `self.outgoing.llm["name"].complete("How do you do?").text`.

    Safe in many threads; time-outs, TLS and the pool are those of http, the key is that of
    `security`. What a model writes is not to be trusted: it may be wrong, and anyone who wrote a
    part of what it read may have told it what to write.
    """

    type: ClassVar[str] = "llm"
    Config = LlmSettings

    @cached_property
    def _budget(self) -> Budget:
        return Budget(self.server, self.name, self.config.budget, self.config.budget_period)

    def complete(
        self,
        messages: str | Sequence[Message],
        *,
        system: str = "",
        model: str = "",
        max_tokens: int | None = None,
        schema: Mapping[str, object] | None = None,
        tools: Sequence[Mapping[str, object]] = (),
        **parameters: object,
    ) -> Completion:
        """Return what the model answers to a text, or to messages.

        `system` goes before them. With `schema`, a JSON Schema, the text is JSON that `data()`
        reads, if the server keeps to it. `tools` are functions that the model may ask for, and
        `parameters`, such as `temperature` or `tool_choice`, are passed on as they are. Raises
        `BudgetSpent`, `Overloaded` (after `retries`, or if the server asks for a longer wait than
        the deadline), `ModelFault`, `Invalid`, and what requests raise.
        """
        limit = self._limit(max_tokens)
        body: dict[str, object] = {
            "model": model or self.config.model,
            "messages": _messages(messages, system),
            self.config.limit_parameter: limit,
        }
        if schema is not None:
            described = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        if tools:
            body["tools"] = list(tools)
        _check(parameters)
        content = self._written({**body, **parameters})
        return self._within_budget(content, limit)

    def stream(self, *arguments: object, **named: object) -> NoReturn:
        """Raise `Misused`: answers come whole, and not in pieces."""
        raise Misused("outgoing llm does not stream; use complete(), which returns whole answers")

    def ping(self) -> str:
        """Ask for the list of models, which costs nothing; raises if the key is refused."""
        answered = super().ping()
        answer = self.request("GET", None, {"path": self.config.ping_path})
        if answer.status in (401, 403):
            raise self._refused(answer)
        if not self.config.budget:
            return answered
        return f"{answered}; {self._budget.spent()} of {self.config.budget} tokens spent"

    # -- budget ------------------------------------------------------------------------------------

    def _limit(self, asked: int | None) -> int:
        most = self.config.max_tokens
        if asked is None:
            return most
        if not 1 <= asked <= most:
            raise Misused({"max_tokens": f"must be from 1 to {most}, the setting max_tokens"})
        return asked

    def _within_budget(self, content: bytes, limit: int) -> Completion:
        """Call with tokens that are reserved, and settle for those that were used."""
        reserved = self._budget.reserve(limit)
        used = 0
        try:
            answer = self._call(content)
            used = limit  # it has answered: what it does not tell is taken to be all
            completion, told = read_completion(answer.content, self.label)
            if told:
                used = completion.usage.total
            return completion
        except (TimedOut, Unavailable) as error:
            # the model may have written all of it
            used = limit if isinstance(error.__context__, Broken) else used
            raise
        finally:
            self._budget.settle(reserved, used)

    # -- calls -------------------------------------------------------------------------------------

    def _call(self, content: bytes) -> HttpResponse:
        """Call until there is an answer, as often and as long as settings allow."""
        with deadline(self.config.deadline):
            for attempt in range(self.config.retries + 1):
                answer = self._ask(content)
                if answer.status == 200:
                    return answer
                if answer.status not in OVERLOADED:
                    raise self._refused(answer)
                wait = pause(attempt, self.config.retry_delay, answer.headers)
                left = time_left()
                if attempt == self.config.retries or (left is not None and wait >= left):
                    break
                self.log.info("%s: status %d, again in %.2f s", self.label, answer.status, wait)
                time.sleep(wait)
        raise Overloaded(f"{self.label}: the server answers with status {answer.status}", wait)

    def _ask(self, content: bytes) -> HttpResponse:
        left = time_left(self.config.timeout)
        return self.request("POST", content, {"path": PATH}, headers=HEADERS, timeout=left)

    def _refused(self, answer: HttpResponse) -> Exception:
        error = refusal_of(self.label, answer)
        error.reason = self._without_keys(error.reason)
        if isinstance(error, LoginRefused):
            self._troubled = True
            self.trouble(error.detail)
        return error

    def _without_keys(self, text: str) -> str:
        """Return a text without what calls are signed by, which servers may repeat."""
        if not text:
            return text
        request = OutgoingRequest(
            method="POST", url=self.config.address, headers=dict(self.config.headers)
        )
        self._sign(request)
        for value in (*request.headers.values(), *request.query.values()):
            key = str(value).rpartition(" ")[2]
            if len(key) >= SHORTEST_KEY:
                text = text.replace(key, "***")
        return text

    def url(self, params: Mapping[str, Any]) -> str:
        """Return the URL of a call: `path` is below the address and `url_path`."""
        rest = {name: value for name, value in params.items() if name != "path"}
        return super().url(rest) + str(params.get("path", ""))

    def _written(self, body: Mapping[str, object]) -> bytes:
        try:
            content = msgspec.json.encode(body)
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
            raise Invalid(f"the request cannot be written as JSON: {error}") from error
        if len(content) > self.config.max_request:
            limit = self.config.max_request
            raise Invalid({"messages": f"have {len(content)} bytes; max_request is {limit}"})
        return content


def _messages(given: str | Sequence[Message], system: str) -> list[Message]:
    before: list[Message] = [{"role": "system", "content": system}] if system else []
    if isinstance(given, str):
        return [*before, {"role": "user", "content": given}]
    if not given:
        raise Invalid({"messages": "are empty"})
    return [*before, *given]


def _check(parameters: Mapping[str, object]) -> None:
    """Refuse parameters that would get round a limit, or change the shape of the answer."""
    faults = {}
    for name in sorted(OWN & parameters.keys()):
        faults[name] = "has an argument or a setting of its own"
    if parameters.get("stream"):
        faults["stream"] = "answers are not streamed: they come whole"
    if "n" in parameters:
        faults["n"] = "one answer is asked for at a time"
    if faults:
        raise Misused(faults)
