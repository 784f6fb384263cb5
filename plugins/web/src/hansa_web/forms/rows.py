"""Rows of a form that are added or removed by a submit button, so that it needs no script."""

from __future__ import annotations

from ..visit import Form

ADD = "add"
REMOVE = "remove:"
"""Actions of a form that only change its rows; the second names the row."""


def with_rows(form: Form) -> Form | None:
    """Return a form with its rows as its action asks for them; None for any other action.

    A form is shown with one empty row, so that it takes nothing to add one.
    """
    action = form.get("action")
    if action == ADD:
        return form
    if not action.startswith(REMOVE):
        return None
    row = action.removeprefix(REMOVE)
    return Form({name: all for name, all in form.fields.items() if not _is_in(name, row)})


def _is_in(name: str, row: str) -> bool:
    return name.startswith((f"{row}.", f"{row}~"))
