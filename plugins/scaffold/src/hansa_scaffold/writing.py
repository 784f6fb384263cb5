"""Write a new plugin, or a new service, from the templates in this package."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path

import jinja2
from hansa import Conflict, Invalid, automatic_name

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("channel", "outgoing", "format", "security")
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(name: str, kinds: set[str], folder: Path) -> list[Path]:
    """Write the package of a plugin, with types of these kinds, into `folder / hansa-NAME`; returns
    the files.

    Raises `Invalid` for a name that is not valid, `Conflict` if the folder exists.
    """
    name = name.removeprefix("hansa-")
    if not _PLUGIN_NAME.fullmatch(name):
        fault = "use lower-case letters, digits and single hyphens"
        raise Invalid({"name": f"{name!r} is not a valid name of a plugin: {fault}"})
    home = folder / f"hansa-{name}"
    if home.exists():
        raise Conflict(f"{home} already exists")
    module = f"hansa_{name.replace('-', '_')}"
    values: dict[str, str | bool] = {
        "name": name,
        "module": module,
        "type": name.replace("-", "_"),
        "stem": _class_stem(name),
        "title": name.replace("-", " ").capitalize(),
    }
    for kind in KINDS:
        values[kind] = kind in kinds
    files = []
    top = TEMPLATES / "plugin"
    for template in sorted(top.rglob("*.jinja")):
        kind = template.name.removesuffix(".py.jinja").removeprefix("test_")
        if kind in KINDS and kind not in kinds:
            continue
        parts = template.relative_to(top).with_suffix("").parts
        target = home.joinpath(*(module if part == "module" else part for part in parts))
        files.append(_write(template, target, values))
    return files


def new_service(name: str, folder: Path) -> list[Path]:
    """Write a service and its test into `folder`; returns the two files.

    Raises `Invalid` for a name that is not valid, `Conflict` if one of the files exists.
    """
    module = name.removesuffix(".py").replace("-", "_").lower()
    if not module.isidentifier() or keyword.iskeyword(module):
        fault = "use letters, digits, - and _"
        raise Invalid({"name": f"{name!r} is not a valid name of a service: {fault}"})
    stem = _class_stem(module)
    values = {"module": module, "stem": stem, "service": automatic_name(module, stem)}
    targets = {
        "service.py.jinja": folder / f"{module}.py",
        "test_service.py.jinja": folder / f"test_{module}.py",
    }
    for target in targets.values():
        if target.exists():
            raise Conflict(f"{target} already exists")
    return [
        _write(TEMPLATES / "service" / template, target, values)
        for template, target in targets.items()
    ]


def _class_stem(name: str) -> str:
    """Return a name as the beginning of a class name: `line-feed` -> `LineFeed`."""
    return "".join(word.capitalize() for word in re.split(r"[-_]", name) if word)


def _write(template: Path, target: Path, values: Mapping[str, str | bool]) -> Path:
    """Render one template into a file."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    text = environment.from_string(template.read_text(encoding="utf-8")).render(values)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return target
