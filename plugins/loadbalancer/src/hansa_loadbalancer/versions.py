"""The texts of config.toml that were replaced by a save, and the templates that were saved: the way back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hansa import NotFound, replace_file

from .generate import MASK, TEMPLATE, hidden, proxy_secrets_in
from .settings import SECTION

KEPT = 20
"""How many texts are kept; with another one the oldest goes."""
_TEMPLATE_FILE = re.compile(r"haproxy-[0-9a-f]{16}\.cfg\.template")


@dataclass(frozen=True)
class Version:
    """A text that served until `until` (seconds since the epoch), when `by` replaced it."""

    number: int
    until: float
    by: str
    text: str


def secrets_in(text: str) -> set[str]:
    """Return the secrets in a stored or generated configuration, however it writes them."""
    secret = _section(text).get("proxy_secret")
    found = proxy_secrets_in(text)
    return found | {secret} if isinstance(secret, str) and secret else found


def unmasked(text: str, stored: str) -> str:
    """Return an edited text with the secret that is stored where it was shown masked."""
    secret = _section(stored).get("proxy_secret")
    return text.replace(MASK, secret) if isinstance(secret, str) and secret else text


def _section(text: str) -> dict[str, Any]:
    """Return the section of the load-balancer in a text; nothing if it has none, or is no TOML."""
    with contextlib.suppress(tomllib.TOMLDecodeError, RecursionError):
        found = tomllib.loads(text).get(SECTION)
        if isinstance(found, dict):
            return found
    return {}


def digest_shown(text: str) -> str:
    """Return the digest of a text as it is shown: without its secrets, which it tells nothing of."""
    return hashlib.sha256(hidden(text, secrets_in(text)).encode()).hexdigest()


# -- versions --------------------------------------------------------------------------------------


def versions(folder: Path) -> list[Version]:
    """Return what is kept in a folder, the latest first; what cannot be read is left out."""
    found: list[Version] = []
    for file in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Version(**json.loads(file.read_text())))
    return sorted(found, key=lambda version: -version.number)


def version(folder: Path, number: int) -> Version:
    """Return one of them; raises `NotFound`."""
    kept = versions(folder)
    for one in kept:
        if one.number == number:
            return one
    there = ", ".join(str(one.number) for one in kept) or "none"
    raise NotFound(f"there is no version {number} of the configuration (there are: {there})")


def keep(folder: Path, text: str, by: str) -> Path:
    """Keep a text that is about to be replaced, and return its file; the oldest goes where there are
    too many.
    """
    there = versions(folder)
    number = there[0].number + 1 if there else 1
    kept = Version(number, time.time(), by, text)
    file = folder / f"{number:06}.json"
    replace_file(file, json.dumps(asdict(kept)), durable=True)
    for old in there[KEPT - 1 :]:
        (folder / f"{old.number:06}.json").unlink(missing_ok=True)
    return file


# -- templates -------------------------------------------------------------------------------------


def template_of(text: str, folder: Path) -> Path:
    """Return the template that a stored text names, relative to its folder, or the plugin's."""
    named = str(_section(text).get("template") or "")
    return folder / named if named else TEMPLATE


def template_name(template: str) -> str:
    """Return the file of a saved template, which says what is in it, so that no other one replaces
    it; empty for the plugin's own.
    """
    if template == TEMPLATE.read_text():
        return ""
    return f"haproxy-{hashlib.sha256(template.encode()).hexdigest()[:16]}.cfg.template"


def with_template(text: str, name: str) -> str:
    """Return the text of a configuration that names a template, or the plugin's own."""
    import tomlkit  # here, since workers change nothing most of the time

    document = tomlkit.parse(text)
    section: Any = document[SECTION]
    if name:
        section["template"] = name
    else:
        section.pop("template", None)
    return tomlkit.dumps(document)


def forget_templates(folder: Path, texts: Iterable[str]) -> None:
    """Remove the saved templates that none of these texts names."""
    named = {template_of(text, folder).name for text in texts}
    for file in folder.glob("haproxy-*.cfg.template"):
        if _TEMPLATE_FILE.fullmatch(file.name) and file.name not in named:
            file.unlink(missing_ok=True)
