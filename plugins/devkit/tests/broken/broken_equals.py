"""Security types that compare secrets in a time that tells how much of a guess is right."""

from __future__ import annotations

from typing import Annotated, Any

from hansa import Model, Refused, Request, Secret, Security, setting


class Settings(Model):
    """One secret."""

    token: Annotated[Secret, setting("Token")]


class Equals(Security):
    """Compares with `==`."""

    type, Config = "equals", Settings

    def authenticate(self, request: Request) -> Any:
        """Let in who has the token."""
        if request.headers.get("x-token") != self.config.token:
            raise Refused("the token is wrong")
        return "partner"

    def sign(self, headers: dict[str, str]) -> None:
        """Add the token."""
        headers["X-Token"] = self.config.token


class Unchecked(Equals):
    """Looks the token up in a set."""

    def authenticate(self, request: Request) -> Any:
        """Let in who has the token."""
        if request.headers.get("x-token") not in {self.config.token}:
            raise Refused("the token is wrong")
        return "partner"
