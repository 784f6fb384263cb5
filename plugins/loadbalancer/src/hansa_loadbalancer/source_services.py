"""The admin services of the load-balancer's configuration as a text: shown, checked, saved, restored."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .operation import How, LoadBalancerOperation

LONGEST = 512 * 1024
"""Characters of the longest configuration, and of the longest template."""


class Source(Model):
    """The load-balancer's configuration."""

    stored: Annotated[str, setting("Text of config.toml, the file to change; secrets are masked")]
    stored_in: Annotated[str, setting("Path of that file")]
    digest: Annotated[str, setting("Digest of that text, which a save of it names as seen")]
    template: Annotated[str, setting("Template of HAProxy's configuration")]
    template_in: Annotated[str, setting("Path of that file")]
    generated: Annotated[str, setting("HAProxy's configuration")]
    generated_in: Annotated[str, setting("Path of that file")]


class WhichVersion(Model):
    """A version of the configuration."""

    version: Annotated[
        int, setting("Number of a version that was replaced; 0 for the present one", ge=0)
    ] = 0


class Edited(Model):
    """A configuration that was edited."""

    stored: Annotated[
        str,
        setting(
            "Text of config.toml; the secret stays where it is masked",
            min_length=1,
            max_length=LONGEST,
        ),
    ]
    template: Annotated[
        str,
        setting(
            "Template of HAProxy's configuration, instead of the one that the text names; "
            "empty leaves that",
            max_length=LONGEST,
        ),
    ] = ""


class Saved(Edited):
    """A configuration that is to be stored."""

    seen: Annotated[
        str,
        setting("Digest of the text that was edited: refused if it is another one by now"),
    ] = ""


class Checked(Model):
    """What the load-balancer says of a configuration."""

    faults: Annotated[
        dict[str, str], setting("Faults by setting, with their lines; none if it can be saved")
    ]
    how: Annotated[
        str, setting("How it would come into force: live, reload, or empty if nothing changes")
    ]
    generated: Annotated[str, setting("What HAProxy would be given; empty if it is refused")]


class Replaced(Model):
    """A change of the whole configuration, which survives restarts."""

    how: How


class VersionRow(Model):
    """A configuration that was replaced by a save."""

    number: Annotated[int, setting("Its number")]
    until: Annotated[float, setting("When it was replaced, in seconds since the epoch")]
    by: Annotated[str, setting("Who has replaced it")]


class Versions(Model):
    """The configurations that were replaced."""

    items: Annotated[list[VersionRow], setting("The latest first")]
    total: Annotated[int, setting("Number of them")]


class WantedVersion(Model):
    """A version that is to serve again."""

    version: Annotated[int, setting("Its number", ge=1)]


class LoadBalancerSource(LoadBalancerOperation):
    """Show the load-balancer's configuration, as it is stored and as HAProxy has it."""

    name = "admin.loadbalancer.source"
    right = "view"
    Input = WhichVersion
    Output = Source

    def handle(self) -> object:
        return self.control.source(self.request.input.version)


class LoadBalancerVersions(LoadBalancerOperation):
    """List the configurations of the load-balancer that were replaced by a save."""

    name = "admin.loadbalancer.versions"
    right = "view"
    Output = Versions

    def handle(self) -> object:
        found = self.control.versions()
        rows = [VersionRow(number=one.number, until=one.until, by=one.by) for one in found]
        return Versions(items=rows, total=len(rows))


class LoadBalancerCheck(LoadBalancerOperation):
    """Have the load-balancer and its HAProxy judge an edited configuration; nothing is changed."""

    name = "admin.loadbalancer.check"
    Input = Edited
    Output = Checked

    def handle(self) -> object:
        asked: Edited = self.request.input
        verdict = self.control.check(asked.stored, asked.template or None)
        return Checked(faults=verdict.faults, how=verdict.how, generated=verdict.generated)


class LoadBalancerSave(LoadBalancerOperation):
    """Store an edited configuration of the load-balancer, which serves at once, unless it is refused."""

    name = "admin.loadbalancer.save"
    Input = Saved
    Output = Replaced

    def handle(self) -> object:
        asked: Saved = self.request.input
        template = asked.template or None
        how = self.control.save(asked.stored, template, asked.seen, self.caller)
        return Replaced(how=how)


class LoadBalancerRestore(LoadBalancerOperation):
    """Let a configuration of the load-balancer that was replaced serve again."""

    name = "admin.loadbalancer.restore"
    Input = WantedVersion
    Output = Replaced

    def handle(self) -> object:
        return Replaced(how=self.control.restore(self.request.input.version, self.caller))


OPERATIONS: tuple[type[Operation], ...] = (
    LoadBalancerSource,
    LoadBalancerVersions,
    LoadBalancerCheck,
    LoadBalancerSave,
    LoadBalancerRestore,
)
