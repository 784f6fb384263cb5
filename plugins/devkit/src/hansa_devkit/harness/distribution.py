"""Plugins laid out as an installer does it: a package, and the metadata with its entry points."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
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
    requires: Sequence[str] = (),
) -> Path:
    """Lay out a distribution of one plugin in a folder that is to be in PYTHONPATH; return the file
    of the plugin's module.

    `plugin` and `early` are the sources of the modules for workers and for the supervisor. All
    public names of `hansa` are imported in them. `distribution` is by default `hansa-NAME`; without
    a `required` plugin no worker serves. `requires` are requirements (PEP 508) of the distribution.
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
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", "Version: 1.0"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (metadata / "METADATA").write_text("\n".join(lines) + "\n")
    (metadata / "entry_points.txt").write_text(entry_points)
    return package / "plugin.py"
