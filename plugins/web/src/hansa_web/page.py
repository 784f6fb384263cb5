"""What a page is: an address, a title, a template, the admin services that it calls, and two
functions. Everything else about it is derived from this declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .language.texts import gettext_noop
from .view import View

if TYPE_CHECKING:
    from .visit import Visit

Group = Literal["Watch", "Messages", "Configure", "Change", "System", ""]
GROUPS: tuple[Group, ...] = (
    gettext_noop("Watch"),
    gettext_noop("Messages"),
    gettext_noop("Configure"),
    gettext_noop("Change"),
    gettext_noop("System"),
)
"""The groups of the navigation, in order."""
Context: TypeAlias = dict[str, Any]
"""What a template gets, by name."""


@dataclass(frozen=True)
class Shown:
    """An answer to a POST that is the page again, such as a form with its faults."""

    context: Context
    status: int = 422
    template: str = ""


@dataclass(frozen=True)
class Redirect:
    """An answer to a POST that leads to another page, which shows the notice: of a change with its
    `revision`, and a `secret` that is never shown again; `view` is how the user wants pages from now
    on. With `renews` the session gets another token, since its user has just proved who it is.
    """

    to: str
    notice: str = ""
    revision: int = 0
    secret: str = ""
    view: View | None = None
    renews: bool = False


@dataclass(frozen=True)
class Download:
    """An answer that is saved as a file, and never shown by the browser."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"


Outcome: TypeAlias = Shown | Redirect | Download


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a cluster.

    `path` is below the cluster's, with `{name}` for a part; `services` are the admin services that
    a view calls, of which `{kind}` and `{type}` stand for parts of the path, and `calls` is the most
    that a view makes. A page with a `group` is in the navigation of who may
    call what it `needs`, else the first of its services. `show` returns what the template
    gets; `act` carries out a POST; `again` returns the page with a form that was posted before and
    not carried out, and without it the fields of such a form are listed.
    """

    path: str
    title: str
    template: str
    show: Callable[[Visit], Context]
    act: Callable[[Visit], Outcome] | None = None
    again: Callable[[Visit], Shown] | None = None
    services: tuple[str, ...] = ()
    group: Group = ""
    calls: int = 1
    needs: str = ""

    @property
    def route(self) -> str:
        """The template of its path, with the cluster."""
        return "/{cluster}" + self.path
