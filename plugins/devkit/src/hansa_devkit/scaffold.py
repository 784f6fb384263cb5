"""Write a new plugin, or a new service, from the templates in this package."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from hansa import Conflict, Invalid, automatic_name

TEMPLATES = Path(__file__).parent / "templates"
KINDS = ("channel", "outgoing", "format", "security")
_PLUGIN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_plugin(name: str, kinds: set[str], folder: Path) -> list[Path]:
    """Write the package of a plugin into `folder / hansa-NAME`, with the given kinds; gives the files.

    Raises `Invalid` for a name that cannot be one, `Conflict` if the folder exists.
    """
    name = name.removeprefix("hansa-")
    if not _PLUGIN.fullmatch(name):
        raise Invalid(
            {
                "name": f"{name!r} is no name of a plugin: use lower-case letters, digits and single hyphens"
            }
        )
    home = folder / f"hansa-{name}"
    if home.exists():
        raise Conflict(f"{home} already exists")
    module = f"hansa_{name.replace('-', '_')}"
    words: dict[str, object] = {
        "name": name,
        "module": module,
        "type": name.replace("-", "_"),
        "stem": _stem(name),
        "title": name.replace("-", " ").capitalize(),
        **{kind: kind in kinds for kind in KINDS},
    }
    files = []
    for template in sorted((TEMPLATES / "plugin").rglob("*.jinja")):
        kind = template.name.removesuffix(".py.jinja").removeprefix("test_")
        if kind not in KINDS or kind in kinds:
            path = template.relative_to(TEMPLATES / "plugin").with_suffix("")
            parts = [module if part == "module" else part for part in path.parts]
            files.append(_write(template, home.joinpath(*parts), words))
    return files


def new_service(name: str, folder: Path) -> list[Path]:
    """Write a service and its test into `folder`; gives the two files.

    Raises `Invalid` for a name that cannot be one, `Conflict` if one of the files exists.
    """
    module = name.removesuffix(".py").replace("-", "_").lower()
    if not module.isidentifier() or keyword.iskeyword(module):
        raise Invalid({"name": f"{name!r} is no name of a service: use letters, digits, - and _"})
    stem = _stem(module)
    words: dict[str, object] = {
        "module": module,
        "stem": stem,
        "service": automatic_name(module, stem),
    }
    targets = {
        "service.py.jinja": folder / f"{module}.py",
        "test_service.py.jinja": folder / f"test_{module}.py",
    }
    for target in targets.values():
        if target.exists():
            raise Conflict(f"{target} already exists")
    return [
        _write(TEMPLATES / "service" / template, target, words)
        for template, target in targets.items()
    ]


def _stem(name: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[-_]", name) if word)


def _write(template: Path, target: Path, words: dict[str, object]) -> Path:
    """Render one template into a file."""
    import jinja2

    text = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    ).from_string(template.read_text(encoding="utf-8"))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text.render(words).rstrip("\n") + "\n", encoding="utf-8")
    return target
