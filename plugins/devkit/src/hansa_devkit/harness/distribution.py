"""Plugins laid out as an installer does it: a package, and the metadata with its entry points."""

from __future__ import annotations

import textwrap
from pathlib import Path

_IMPORTS = "from hansa import *\nfrom hansa import hookimpl\n"


def install_plugin(
    folder: Path,
    name: str,
    plugin: str | None = None,
    early: str | None = None,
    *,
    distribution: str = "",
    required: bool = False,
) -> Path:
    """Lay out a distribution of one plugin in a folder that is to be in PYTHONPATH; return the file
    of the plugin's module.

    `plugin` and `early` are the sources of the modules for workers and for the supervisor. All
    public names of `hansa` are imported in them. `distribution` is by default `hansa-NAME`; without
    a `required` plugin no worker serves.
    """
    distribution = distribution or f"hansa-{name}"
    stem = distribution.replace("-", "_")
    package = folder / f"{stem}_code"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    entry_points = ""
    for group, module, source in (
        ("hansa", "plugin", plugin),
        ("hansa.early", "early", early),
    ):
        if source is None:
            continue
        (package / f"{module}.py").write_text(_IMPORTS + textwrap.dedent(source))
        entry_points += f"[{group}]\n{name} = {package.name}.{module}\n"
    if required:
        entry_points += f"[hansa.required]\n{name} = {package.name}\n"
    metadata = folder / f"{stem}-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(entry_points)
    return package / "plugin.py"
