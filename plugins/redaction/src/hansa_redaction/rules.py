"""What is masked: of the messages of a channel, and of the input and output of a service."""

from __future__ import annotations

from collections.abc import Iterable

from .credentials import HEADERS, MEMBERS
from .names import Names
from .paths import Paths, State
from .settings import RedactionSettings


class Rules:
    """Which headers, parameters and members of messages are masked: those of settings, and those
    that carry credentials.

    `secrets` are names of members and parameters at any depth, such as those of the secret settings
    of an input. `is_strict` says that messages which cannot be read are not kept, since there is
    something in them to mask besides credentials.
    """

    def __init__(
        self, settings: Iterable[RedactionSettings] = (), secrets: Iterable[str] = ()
    ) -> None:
        sections = list(settings)
        names = set(secrets)
        parameters = [name for section in sections for name in section.parameters]
        self._paths = Paths(path for section in sections for path in section.paths)
        self._members = Names([*MEMBERS, *names])
        self.headers = Names([*HEADERS, *(name for one in sections for name in one.headers)])
        self.parameters = Names([*MEMBERS, *names, *parameters])
        self.is_strict = bool(self._paths or names or parameters)

    @property
    def begin(self) -> State:
        """Where a walk through a message begins."""
        return self._paths.begin

    def follow(self, state: State, name: str) -> tuple[State, bool]:
        """Return where a walk stands below a member, and whether its value is masked."""
        below, ends = self._paths.follow(state, name)
        return below, ends or name in self._members

    def follow_anywhere(self, state: State, name: str) -> tuple[State, bool]:
        """Return the same for paths that may begin at any member, as those into XML do."""
        return self.follow(state | self._paths.begin, name)
