"""What stands around every page: the band of the cluster, the navigation, the user."""

from __future__ import annotations

from dataclasses import dataclass

from .api import Appearance
from .guard import TOKEN_FIELD
from .page import GROUPS, Page
from .pages import PAGES
from .visit import Visit


@dataclass(frozen=True)
class Entry:
    """An entry of the navigation."""

    title: str
    path: str
    is_current: bool


@dataclass(frozen=True)
class Frame:
    """The frame of a page."""

    cluster: str
    appearance: Appearance
    navigation: list[tuple[str, list[Entry]]]
    user: str
    token: str
    token_field: str
    notices: list[str]


def frame_of(visit: Visit, page: Page) -> Frame:
    """Return the frame of a page."""
    return Frame(
        cluster=visit.cluster,
        appearance=visit.api.appearance,
        navigation=[(group, _entries(visit, page, group)) for group in GROUPS],
        user=visit.access.user,
        token=visit.session.form_token,
        token_field=TOKEN_FIELD,
        notices=visit.session.take_notices(),
    )


def _may_see(visit: Visit, page: Page) -> bool:
    """Whether the user may call what a page shows, the first of its services."""
    return not page.services or visit.may(page.services[0])


def _entries(visit: Visit, current: Page, group: str) -> list[Entry]:
    return [
        Entry(page.title, visit.path(*page.path.strip("/").split("/")).rstrip("/"), page is current)
        for page in PAGES
        if page.group == group and _may_see(visit, page)
    ]
