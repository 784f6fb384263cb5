"""The section `[zato]` of config.toml."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from hansa import Model, setting

Profile = Literal["2.0", "3.x"]


class ZatoSection(Model):
    """How services of the Zato dialect behave."""

    profile: Annotated[
        Literal["auto", "2.0", "3.x"],
        setting(
            "Generation whose rules services follow; auto: 3.x where input or output is declared the 3.x way, else 2.0"
        ),
    ] = "auto"
    user_config: Annotated[
        dict[str, str],
        setting(
            "INI files that services read as self.user_config.NAME; paths are relative to the server's directory"
        ),
    ] = field(default_factory=dict)
