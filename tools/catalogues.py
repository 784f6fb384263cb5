"""The catalogues of the texts of the web admin: `python -m tools.catalogues` extracts the texts from its
source, and brings the translations up to date; what is not translated any more is left out.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from tools.project import TOP

PACKAGE = TOP / "plugins/web/src/hansa_web"
LOCALES = PACKAGE / "locales"
TEMPLATE = LOCALES / "hansa_web.pot"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {
    "templates/**.html": {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "extensions": "jinja2.ext.i18n",
    }
}
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "counted": (2, 3),
}
"""Functions that take texts, with the places of their arguments that are texts."""
HEAD = ('"Language: ', '"Plural-Forms: ', '"MIME-Version', '"Content-T', '"Content-Transfer')
"""Lines of the head of a catalogue that are kept: those that a program needs."""


def extracted() -> Catalog:
    """Return all texts of the source."""
    found = Catalog()
    texts = extract_from_dir(PACKAGE, METHODS, OPTIONS, keywords=KEYWORDS)
    for path, _, message, comments, context in texts:
        if path.startswith("language/texts.py"):
            continue
        found.add(message, None, [(path, 1)], auto_comments=comments, context=context)
    return found


def written(catalogue: Catalog) -> str:
    """Return the text of a catalogue, by message, with the files that have it."""
    file = BytesIO()
    write_po(file, catalogue, sort_output=True, include_lineno=False, ignore_obsolete=True)
    lines = file.getvalue().decode().splitlines()
    begin = lines.index('msgid ""')
    end = lines.index("", begin)
    kept = [line for line in lines[begin + 2 : end] if line.startswith(HEAD)]
    return "\n".join([*lines[begin : begin + 2], *kept, *lines[end:]]).rstrip() + "\n"


def updated(path: Path, template: Catalog) -> Catalog:
    """Return the translations of a file for the texts of the source."""
    with path.open("rb") as file:
        found = read_po(file, locale=path.stem.replace("-", "_"))
    found.update(template, no_fuzzy_matching=True)
    return found


def main() -> None:
    """Write the template, and every translation; say what lacks one."""
    template = extracted()
    TEMPLATE.write_text(written(template))
    for path in sorted(LOCALES.glob("*.po")):
        found = updated(path, template)
        path.write_text(written(found))
        missing = sum(1 for message in found if message.id and not message.string)
        print(f"{path.name}: {len(found)} texts, {missing} without a translation")


if __name__ == "__main__":
    main()
