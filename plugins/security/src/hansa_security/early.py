"""The early hook of hansa-security: its section of config.toml."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, hookimpl, setting


class SecuritySection(Model):
    """What passwords, keys and tokens of callers must be: `[security]`."""

    minimum_secret: Annotated[
        int,
        setting(
            "Minimum length, in characters, of a password, key or token of callers when it is set; "
            "shorter ones and those that are guessed first are refused (NIST SP 800-63B), with 0 "
            "only warned of in the log",
            ge=0,
            le=64,
        ),
    ] = 8


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Return the section."""
    return {"security": SecuritySection}
