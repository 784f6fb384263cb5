"""The settings of the security type `aws`."""

from __future__ import annotations

import re
from typing import Annotated

from hansa import Invalid, Model, Secret, setting

LONGEST_TOKEN = 8192
"""Maximum length of a session token, in characters; it is sent in a header."""

_is_visible = re.compile(r"[!-~]+").fullmatch
"""Whether a text is of visible characters of ASCII."""


class AwsSettings(Model):
    """AWS signature.

    What a definition holds: a key, and which service of which region it signs calls to.
    """

    access_key_id: Annotated[
        str,
        setting(
            "Identifier of the access key",
            pattern=r"^[A-Za-z0-9_.-]{1,128}$",
            example="AKIDEXAMPLE",
        ),
    ]
    secret_access_key: Annotated[Secret, setting("Secret access key; stored encrypted")]
    session_token: Annotated[
        Secret | None, setting("Session token, for temporary credentials; stored encrypted")
    ] = None
    region: Annotated[
        str,
        setting("Region of the service", pattern=r"^[a-z0-9-]{1,64}$", example="eu-central-1"),
    ]
    service: Annotated[
        str,
        setting(
            "Name of the service in signatures, such as s3, sqs or execute-api",
            pattern=r"^[a-z0-9-]{1,64}$",
            example="s3",
        ),
    ]

    def check(self) -> None:
        """Refuse secrets that AWS cannot have issued."""
        faults: dict[str, str] = {}
        if not _is_visible(self.secret_access_key) or len(self.secret_access_key) > 1024:
            faults["secret_access_key"] = "must be up to 1024 visible characters of ASCII"
        token = self.session_token
        if token is not None and (not _is_visible(token) or len(token) > LONGEST_TOKEN):
            faults["session_token"] = f"must be up to {LONGEST_TOKEN} visible characters of ASCII"
        for name in ("access_key_id", "region", "service"):
            if getattr(self, name).endswith("\n"):
                faults[name] = "must be one line"
        if faults:
            raise Invalid(faults)
