"""Which keys of a cache are meant: by prefix, suffix, part, or regular expression.

Expressions are those of RE2, which take time linear in the length of a key whatever they say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from hansa import Invalid

LONGEST_PATTERN = 1000
"""Characters of an expression, and of each text that is looked for."""
MOST_TEXTS = 100
"""Texts that one call looks for."""
MATCHER_MEMORY = 1024 * 1024
"""Bytes that a compiled expression may take; a larger one is refused."""

Variant = Literal[
    "prefix", "suffix", "regex", "contains", "not_contains", "contains_all", "contains_any"
]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
Matches = Callable[[str], bool]


def matcher(variant: Variant, wanted: str | Sequence[str]) -> Matches:
    """Return what says whether a key is meant; raises `Invalid`.

    `contains_all` and `contains_any` take several texts, the others one. Regular expressions are
    searched for anywhere in a key.
    """
    several = variant in ("contains_all", "contains_any")
    if isinstance(wanted, str):
        texts = [wanted]
    else:
        texts = list(wanted)
    if not several and len(texts) != 1:
        raise Invalid({"wanted": "is one text"})
    _refuse_large(texts)
    if variant == "regex":
        return _expression(texts[0])
    return _plain(variant, texts)


def _refuse_large(texts: list[str]) -> None:
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise Invalid({"wanted": f"has {len(texts)} texts, not 1 to {MOST_TEXTS}"})
    for text in texts:
        if not isinstance(text, str):
            raise Invalid({"wanted": "is no text"})
        if len(text) > LONGEST_PATTERN:
            raise Invalid({"wanted": f"is longer than {LONGEST_PATTERN} characters"})


def _plain(variant: Variant, texts: list[str]) -> Matches:
    text = texts[0]
    found: dict[str, Matches] = {
        "prefix": lambda key: key.startswith(text),
        "suffix": lambda key: key.endswith(text),
        "contains": lambda key: text in key,
        "not_contains": lambda key: text not in key,
        "contains_all": lambda key: all(one in key for one in texts),
        "contains_any": lambda key: any(one in key for one in texts),
    }
    if variant not in found:
        raise Invalid({"variant": f"is not one of {', '.join(VARIANTS)}"})
    return found[variant]


def _expression(pattern: str) -> Matches:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MATCHER_MEMORY
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        raise Invalid({"wanted": f"is no regular expression of RE2: {_why(error)}"}) from None
    except UnicodeEncodeError:
        raise Invalid({"wanted": "has a lone surrogate in it"}) from None
    return lambda key: search(key) is not None


def _why(error: Exception) -> str:
    cause = error.args[0] if error.args else ""
    return cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)
