"""The settings of the security type `ntlm`."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, Secret, setting


class NtlmSettings(Model):
    """NTLM account.

    What a definition holds: the account that calls are made with.
    """

    username: Annotated[
        str,
        setting(
            "User name, without the domain or as name@domain",
            min_length=1,
            max_length=256,
            example="svc-hansa",
        ),
    ]
    password: Annotated[Secret, setting("Password of the user; stored encrypted")]
    domain: Annotated[
        str, setting("Domain of the user (NetBIOS name)", max_length=256, example="EXAMPLE")
    ] = ""

    def check(self) -> None:
        """Refuse what cannot be an account."""
        faults: dict[str, str] = {}
        if not self.password or len(self.password) > 1024:
            faults["password"] = "must be 1 to 1024 characters"
        if not self.username.isprintable():
            faults["username"] = "must not contain control characters"
        elif "\\" in self.username:
            faults["username"] = "must not contain a domain before \\: it belongs in domain"
        if not self.domain.isprintable() or "\\" in self.domain:
            faults["domain"] = "must not contain control characters or \\"
        if faults:
            raise Invalid(faults)
