"""What is typed in before something final happens to a cluster that is marked as production."""

from __future__ import annotations

from .language.texts import gettext
from .visit import Visit

FIELD = "typed"


def typed_fault(visit: Visit, expected: str) -> str:
    """Return what is wrong with what was typed in; empty if it is as expected, or the cluster is not
    marked as production.
    """
    if not visit.api.appearance.production or visit.form.get(FIELD).strip() == expected:
        return ""
    return gettext("this cluster is production: type %(expected)s to confirm", expected=expected)
