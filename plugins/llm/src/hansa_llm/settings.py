"""The settings of connections to language models."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Invalid, setting
from hansa_http.address import HttpAddress


class LlmSettings(HttpAddress):
    """Language model.

    Settings of the outgoing connection llm: those of http, and these.
    """

    address: Annotated[
        str,
        setting(
            "Address of the API, above /chat/completions, without credentials",
            pattern="^https?://",
            example="https://api.example.com/v1",
        ),
    ]
    model: Annotated[
        str, setting("Model of calls that name none", example="small-model", min_length=1)
    ]
    max_tokens: Annotated[
        int,
        setting("Maximum tokens that a call may have written; a call may ask for less", ge=1),
    ] = 1024
    limit_parameter: Annotated[
        Literal["max_tokens", "max_completion_tokens"],
        setting("The parameter by which the server is told of max_tokens", advanced=True),
    ] = "max_tokens"
    budget: Annotated[
        int,
        setting(
            "Maximum tokens of all calls within a budget_period, read and written ones together; "
            "0 for no limit",
            ge=0,
        ),
    ] = 0
    budget_period: Annotated[
        int, setting("Seconds of a period of the budget, by the clock", ge=1, le=366 * 86_400)
    ] = 86_400
    max_request: Annotated[
        int, setting("Maximum bytes of a request, messages and schemas included", ge=1)
    ] = 1024 * 1024
    timeout: Annotated[
        float,
        setting("Maximum time to wait for a connection, and for an answer to begin", gt=0, le=3600),
    ] = 60.0
    deadline: Annotated[
        float, setting("Maximum time for a whole call, retries included", gt=0, le=86400)
    ] = 120.0
    ping_method: Annotated[str, setting("Method of a ping", pattern="^[A-Z]+$", advanced=True)] = (
        "GET"
    )
    ping_path: Annotated[
        str,
        setting("Path of a ping, below the address: one that costs nothing", advanced=True),
    ] = "/models"

    def check(self) -> None:
        """Refuse a budget that one call could exceed; raises `Invalid`."""
        super().check()
        if 0 < self.budget < self.max_tokens:
            raise Invalid({"budget": "is less than one call may take: max_tokens"})
