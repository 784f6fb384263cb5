"""What is masked in the samples of a route: what its channel and its security definitions name, the
secret members of the service, and the masks of the sampling.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from hansa import Channel, HansaError, Security, Server, Service, dump
from hansa_redaction.rules import Rules
from hansa_redaction.secrets import secret_names
from hansa_redaction.settings import RedactionSettings


class ChannelSections:
    """The redaction settings of the channels of a worker, by channel.

    All of them hold for calls that come by no channel, such as those from service to service, since
    their input may have come from any.
    """

    def __init__(self) -> None:
        self._sections: dict[tuple[str, str], RedactionSettings] = {}
        self._lock = threading.Lock()
        self.version = 0

    def put(self, channel: Channel) -> None:
        """Note the settings of a channel."""
        key = (channel.type, channel.name)
        section = section_of(channel)
        if self._sections.get(key) == section:
            return
        with self._lock:
            self._sections[key] = section
            self.version += 1

    def all(self) -> list[RedactionSettings]:
        """Return the settings of all channels, without those that name nothing."""
        with self._lock:
            nothing = RedactionSettings()
            return [one for one in self._sections.values() if one != nothing]


class Origin:
    """Where the requests of a route come from, and what is masked in them."""

    def __init__(
        self, sections: ChannelSections, channel: Channel | None, service: type[Service]
    ) -> None:
        self.channel = channel
        self.service = service
        self._sections = sections
        self._kept: tuple[int, tuple[str, ...], Rules] | None = None

    def rules(self, masks: list[str]) -> Rules:
        """Return what is masked, besides these paths; worked out when the first sample is kept."""
        version = self._sections.version
        wanted = tuple(masks)
        kept = self._kept
        if kept is None or kept[:2] != (version, wanted):
            kept = self._kept = (version, wanted, self._made(masks))
        return kept[2]

    def _made(self, masks: list[str]) -> Rules:
        if self.channel is None:
            sections = self._sections.all()
        else:
            sections = [section_of(self.channel), credentials_of(self.channel)]
        sections.append(RedactionSettings(paths=masks))
        secrets = secret_names(self.service.Input, self.service.Output)
        return Rules(sections, secrets)


def section_of(channel: Channel) -> RedactionSettings:
    """Return the redaction settings of a channel; those of one without are empty."""
    section: object = getattr(channel.config, "redaction", None)
    return section if isinstance(section, RedactionSettings) else RedactionSettings()


def credentials_of(channel: Channel) -> RedactionSettings:
    """Return where the security definitions of a channel say that credentials are."""
    definitions = list(_running(channel.server, channel.settings.security_names))
    schemes = [one.openapi_scheme(dump(one.config)) for one in definitions]
    keys = [
        (str(scheme.get("in")), str(scheme.get("name")))
        for scheme in schemes
        if scheme.get("type") == "apiKey"
    ]
    return RedactionSettings(
        paths=[path for one in definitions for path in one.credential_paths(one.config)],
        parameters=[name for place, name in keys if place == "query"],
        headers=[name for place, name in keys if place in ("header", "cookie")],
    )


def _running(server: Server, names: Iterable[str]) -> Iterator[Security]:
    """Yield those of security definitions that run: nobody is let in by others."""
    for name in names:
        try:
            yield server.objects.security(name)
        except HansaError:
            continue
