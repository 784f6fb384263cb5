"""A folder that plays the part of a server in the contracts of remote files: it can be taken away,
as by an unmounted disk, and brought back.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Self


class ExchangeFolder:
    """`root` is the folder; `kill` takes it away with all that is in it, `start` brings it back."""

    password = "none is needed"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hansa-files-"))
        self.root = self.folder / "root"
        self._away = self.folder / "away"
        self._away.mkdir()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self.folder)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a definition that reach it."""
        return {"folder": str(self.root)}

    def start(self) -> None:
        """Bring it back."""
        if self._away.exists():
            self._away.rename(self.root)

    def kill(self) -> None:
        """Take it away."""
        if self.root.exists():
            self.root.rename(self._away)

    def is_running(self) -> bool:
        """Whether it is there."""
        return self.root.exists()

    def pause(self) -> None:
        """Nothing: the kernel answers."""

    def resume(self) -> None:
        """Nothing: the kernel answers."""

    def own(self, path: Path) -> None:
        """Nothing: files are used by the user who runs the tests."""
