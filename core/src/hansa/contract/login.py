"""What logs in to a server, as security definitions supply it to connections."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings.model import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user name and a password, a token, or a certificate with its key; what is not supplied is
    empty.

    `certificate` and `key` are the paths of PEM files, absolute or below the working directory of
    the server; a file that is in memory alone is there for as long as its path is kept.
    """

    username: str = ""
    password: Secret | None = None
    token: Secret | None = None
    certificate: str = ""
    key: str = ""

    @property
    def means(self) -> str:
        """What it logs in by: `password`, `token` or `certificate`."""
        if self.certificate:
            return "certificate"
        return "password" if self.token is None else "token"
