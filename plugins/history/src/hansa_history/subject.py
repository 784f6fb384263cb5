"""What a change is about, as the admin services and the commands name it."""

from __future__ import annotations

from typing import Annotated

from hansa import Key, Model, setting

PACKAGE = ("service", "package")
"""Kind and type by which packages are named: deployed files, and folders with a / at their end."""


class Subject(Model):
    """A definition, or a deployed file or folder."""

    kind: Annotated[
        str, setting("Kind of the definition; service for a deployed file", min_length=1)
    ]
    type: Annotated[
        str, setting("Type of the definition; package for a deployed file", min_length=1)
    ]
    name: Annotated[
        str,
        setting(
            "Name of the definition; that of a deployed file, or of a folder with a / at its end",
            min_length=1,
        ),
    ]

    @property
    def key(self) -> Key:
        """Kind, type and name."""
        return self.kind, self.type, self.name


def is_package(key: Key) -> bool:
    """Whether a key is that of a package."""
    return key[:2] == PACKAGE
