"""The section `redaction` of every channel."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting

from .paths import parse_path


class RedactionSettings(Model):
    """What of the messages of a channel is masked wherever they are kept, besides credentials."""

    paths: Annotated[
        list[str],
        setting(
            "Paths in JSON and XML messages whose values are masked, such as `card.number`: names "
            "with `*`, `**` for any depth; lists are passed through",
            example=["card.number", "**.pin", "//Customer/@taxId"],
        ),
    ] = []
    parameters: Annotated[
        list[str],
        setting(
            "Names of parameters whose values are masked, in queries, paths and forms; `*` stands "
            "for any characters",
            example=["ssn", "account*"],
        ),
    ] = []
    headers: Annotated[
        list[str],
        setting(
            "Names of headers whose values are masked, besides those that carry credentials; `*` "
            "stands for any characters",
            example=["X-Customer-*"],
        ),
    ] = []

    def check(self) -> None:
        """Raise `Invalid` for paths that lead nowhere, and for empty names."""
        faults = {}
        for number, path in enumerate(self.paths):
            if not parse_path(path):
                faults[f"paths.{number}"] = "names nothing in a message"
        for key, names in (("parameters", self.parameters), ("headers", self.headers)):
            for number, name in enumerate(names):
                if not name.strip():
                    faults[f"{key}.{number}"] = "is empty"
        if faults:
            raise Invalid(faults)
