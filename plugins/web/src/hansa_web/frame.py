"""What stands around every page: the band of the cluster, the navigation, the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .api import Appearance, ClusterApi
from .guard import TOKEN_FIELD
from .icon import icon_path
from .language.texts import gettext
from .page import GROUPS, Page
from .pages.me import ADMINISTER
from .sessions import Notice
from .visit import Visit
from .web import Web


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
    notices: list[Notice]
    may_undo: bool
    icon: str
    alike: list[str]


def frame_of(visit: Visit, page: Page, web: Web) -> Frame:
    """Return the frame of a page of this web admin."""
    return Frame(
        cluster=visit.cluster,
        appearance=visit.api.appearance,
        navigation=[(gettext(group), _entries(visit, page, web.pages, group)) for group in GROUPS],
        user=visit.access.user,
        token=visit.session.form_token,
        token_field=TOKEN_FIELD,
        # a poll shows none, and takes none from the page that is to show them
        notices=[] if visit.recent is not None else visit.session.take_notices(),
        may_undo=visit.may("admin.history.revert"),
        icon=icon_path(visit.api.appearance.colour, visit.api.appearance.label),
        alike=_alike(visit, web.clusters),
    )


def _alike(visit: Visit, clusters: Mapping[str, ClusterApi]) -> list[str]:
    """Return the other clusters of the same colour, for who may do something about it."""
    if not visit.may(ADMINISTER):
        return []
    colour = visit.api.appearance.colour
    others = (api for name, api in clusters.items() if name != visit.cluster)
    return [
        api.name for api in others if api.is_appearance_known and api.appearance.colour == colour
    ]


def _may_see(visit: Visit, page: Page) -> bool:
    """Whether the user may call what a page needs."""
    needed = page.needs or next(iter(page.services), "")
    return not needed or visit.may(needed)


def _entries(visit: Visit, current: Page, pages: tuple[Page, ...], group: str) -> list[Entry]:
    return [
        Entry(
            gettext(page.title),
            visit.path(*page.path.strip("/").split("/")).rstrip("/"),
            page is current,
        )
        for page in pages
        if page.group == group and _may_see(visit, page)
    ]
