"""A language for tests: each text in brackets, with accents, and 40 % longer, so that a text that is not
marked for translation is seen, and a layout that holds English alone breaks.
"""

from __future__ import annotations

import re
from gettext import NullTranslations
from typing import Final

PSEUDO: Final = "en-XA"
"""Its tag; no browser asks for it, and no page offers it."""
BEGIN: Final = "⟦"
END: Final = "⟧"
LONGER: Final = 0.4
_ACCENTS = str.maketrans("aceinouyACEINOUY", "åçéîñöûýÅÇÉÎÑÖÛÝ")
# what is put in, tags and entities of HTML
_KEPT = re.compile(r"(%\(\w+\)[a-z]|%%|\{\w+\}|<[^<>]*>|&[#\w]+;)")
_WORD = re.compile(r"[A-Za-z]{3,}")


class PseudoTranslations(NullTranslations):
    """Translations into the pseudo-language, which has the plural of English."""

    def gettext(self, message: str) -> str:
        """Return a text in the pseudo-language."""
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the singular or the plural in the pseudo-language."""
        return pseudo(msgid1 if n == 1 else msgid2)


def pseudo(message: str) -> str:
    """Return a text in the pseudo-language."""
    parts = _KEPT.split(message)
    # what is split by lies between: every second part
    parts[::2] = (_WORD.sub(_longer, part).translate(_ACCENTS) for part in parts[::2])
    return BEGIN + "".join(parts) + END


def _longer(word: re.Match[str]) -> str:
    return word[0] + "e" * round(len(word[0]) * LONGER)
