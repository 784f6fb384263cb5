"""Who may administer: the login before the admin API, and what judges each call besides."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hansa import Edit, InstalledPlugin, Server

from .definition_index import DefinitionIndex
from .guard import SECURITY

PLUGINS_KEPT = 30.0
"""Seconds after which it is looked anew which plugins are installed."""


@dataclass(frozen=True, slots=True)
class CallFigures:
    """How a service was called in the last hour; `mean` and `p95` are durations in milliseconds."""

    count: int = 0
    errors: int = 0
    mean: float = 0.0
    p95: float = 0.0


FiguresByService: TypeAlias = Callable[[], Mapping[str, CallFigures]]
"""Returns the figures of services, by name."""
EditJudge: TypeAlias = Callable[[object, Iterable[Edit]], None]
"""Raises `HansaError` unless this principal may make these edits."""
CallJudge: TypeAlias = Callable[[object, str], None]
"""Raises `HansaError` unless this principal may have a service called that has no caller then."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is known of a caller besides its name: its account, and the roles that it holds."""

    account: str = ""
    roles: tuple[str, ...] = ()


def name_of(principal: object) -> str:
    """Return the name of a caller; an empty text for an internal call."""
    return str(getattr(principal, "name", None) or principal or "")


def unknown(principal: object) -> Identity:
    """Return nothing, as where no plugin knows accounts and roles."""
    return Identity()


class PluginWatch:
    """The plugins that are installed, as of at most 30 s ago.

    PERF: to look at what is installed takes 30 ms, and pages that keep themselves up to date ask
    for it all the time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: list[InstalledPlugin] = []
        self._look_at = -math.inf

    def installed(self, server: Server) -> list[InstalledPlugin]:
        """Return them."""
        if self._clock() >= self._look_at:
            self._found = server.plugins.installed()
            self._look_at = self._clock() + PLUGINS_KEPT
        return self._found


class Administration:
    """What plugins may change of how the admin API is guarded, in one worker.

    `login` names the security definition that callers of its built-in channels satisfy: a plugin
    that brings one for other users than `admin` sets it in its `hansa_startup`. `identify` returns
    the account and the roles of a principal; the plugin that knows them sets it there, too. `index`
    has all definitions, and `plugins` the installed ones, for services that look at many and are
    asked often. `figures` returns how services were called, where a plugin counts calls; it is None
    elsewhere.
    """

    def __init__(self) -> None:
        self.figures: FiguresByService | None = None
        self.index = DefinitionIndex()
        self.plugins = PluginWatch()
        self.login = SECURITY
        self.identify: Callable[[object], Identity] = unknown
        self._judges: list[EditJudge] = []
        self._proof_judges: list[EditJudge] = []
        self._reading_judges: list[EditJudge] = []
        self._call_judges: list[CallJudge] = []

    def judge_edits_by(self, judge: EditJudge) -> None:
        """Have edits that arrive as part of a configuration judged one by one."""
        self._judges.append(judge)

    def judge_proof_by(self, judge: EditJudge) -> None:
        """Have those who make edits that are final judged by when they proved who they are."""
        self._proof_judges.append(judge)

    def judge_reading_by(self, judge: EditJudge) -> None:
        """Have those judged whose settings refer to files, variables and the like, before these are
        read.
        """
        self._reading_judges.append(judge)

    def judge_calls_by(self, judge: CallJudge) -> None:
        """Have those judged who choose what a service is called with later, without a caller."""
        self._call_judges.append(judge)

    def require_call(self, principal: object, service: str) -> None:
        """Raise `Forbidden` or `Refused` unless a caller may have a service called later, such as by
        a message that is changed and replayed; internal callers may have any.
        """
        if principal is None:
            return
        for judge in self._call_judges:
            judge(principal, service)

    def require_edits(self, principal: object, edits: Iterable[Edit]) -> None:
        """Raise `Forbidden` unless a caller may make these edits; internal callers, whose principal
        is None, may make any.
        """
        _ask(self._judges, principal, edits)

    def require_reading(self, principal: object, edits: Iterable[Edit]) -> None:
        """Raise `Forbidden` unless a caller may have read what the settings of these edits refer to,
        such as `{"$file": PATH}`. It is asked before they are checked, also where they are only
        planned: faults of settings tell of their values.
        """
        _ask(self._reading_judges, principal, edits)

    def require_proof(self, principal: object, edits: Iterable[Edit]) -> None:
        """Raise `Refused` if one of these edits is final and the caller has to confirm that with a
        password; asked before they are made, and not when they are planned.
        """
        _ask(self._proof_judges, principal, edits)


def _ask(judges: Iterable[EditJudge], principal: object, edits: Iterable[Edit]) -> None:
    if principal is None:
        return
    made = list(edits)
    for judge in judges:
        judge(principal, made)
