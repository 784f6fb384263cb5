"""The settings of the security type `wss`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from hansa import Invalid, Model, Secret, setting
from hansa_security.credential import fault_of, is_hash

MOST_SECONDS = 7 * 24 * 3600
"""Maximum of settings in seconds."""

_is_xml = re.compile(r"[\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*").fullmatch

MustUnderstand: TypeAlias = Annotated[
    bool,
    setting(
        "Whether messages that it signs demand that their receiver understands the header",
        advanced=True,
    ),
]
"""The setting of all definitions that write a Security header."""


class WssSettings(Model):
    """WS-Security.

    What a definition of WS-Security holds: user, password, and how tokens are checked and
    written.
    """

    username: Annotated[
        str, setting("User name of callers", min_length=1, max_length=256, example="partner")
    ]
    password: Annotated[
        Secret,
        setting(
            "Password of callers; stored as an argon2id hash, or encrypted if it is sent as a digest "
            "or also signs"
        ),
    ]
    password_type: Annotated[
        Literal["clear_text", "digest"],
        setting(
            "How tokens carry the password: as text, which needs TLS, or as a digest "
            "(UsernameToken Profile, PasswordText and PasswordDigest)"
        ),
    ] = "clear_text"
    reject_empty_nonce_creat: Annotated[
        bool, setting("Whether tokens without a nonce or without a time of creation are refused")
    ] = True
    reject_stale_tokens: Annotated[
        bool, setting("Whether tokens older than reject_expiry_limit are refused")
    ] = True
    reject_expiry_limit: Annotated[
        int, setting("Maximum age of tokens, in seconds", ge=1, le=MOST_SECONDS)
    ] = 300
    nonce_freshness_time: Annotated[
        int,
        setting(
            "Seconds for which nonces are remembered and refused again; at least as long as tokens "
            "are accepted, if stale ones are refused",
            ge=1,
            le=MOST_SECONDS,
        ),
    ] = 300
    signs: Annotated[
        bool,
        setting(
            "Whether it also signs outgoing SOAP, for which the password is encrypted instead of hashed"
        ),
    ] = False
    timestamp: Annotated[
        int,
        setting(
            "Seconds after which messages that it signs expire (Timestamp); 0 sends none",
            ge=0,
            le=MOST_SECONDS,
        ),
    ] = 0
    must_understand: MustUnderstand = True

    @property
    def needs_password(self) -> bool:
        """Whether the password itself is needed, and not a hash of it."""
        return self.signs or self.password_type == "digest"

    def check(self) -> None:
        """Refuse what XML cannot carry, and a hash where the password itself is needed."""
        faults: dict[str, str] = {}
        if not self.username.isprintable():
            faults["username"] = "must not contain control characters"
        fault = fault_of(self.password)
        if not fault and not _is_xml(self.password):
            fault = "must not contain characters that XML cannot write"
        if fault:
            faults["password"] = fault
        elif self.needs_password and is_hash(self.password):
            faults["password"] = "is stored as a hash, which is not enough: give the password again"
        if faults:
            raise Invalid(faults)
