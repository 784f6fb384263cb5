"""Find the plugins that are installed here by their entry points."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, entry_points

from ..contract.records import InstalledPlugin

EARLY = "hansa.early"
FULL = "hansa"
REQUIRED = "hansa.required"
"""The entry point group of plugins without which no worker serves: it would let in what they guard,
or answer nobody.
"""


@dataclass
class Plugin:
    """One plugin as found here: its entry points, and its status: `loaded`, `blocked`, or, with the
    reason, `failed` or `quarantined`.
    """

    name: str
    distribution: str
    version: str
    entries: dict[str, EntryPoint] = field(default_factory=dict)
    status: str = "found"
    why: str = ""
    clash: str = ""

    @property
    def record(self) -> InstalledPlugin:
        """The plugin as the contract shows it."""
        return InstalledPlugin(self.name, self.distribution, self.version, self.status, self.why)

    @property
    def label(self) -> str:
        """The plugin as faults name it."""
        return f"plugin {self.name} ({self.distribution} {self.version})"

    @property
    def broken(self) -> bool:
        """Whether it should have been loaded and was not."""
        return self.status in ("failed", "quarantined")


def discover() -> dict[str, Plugin]:
    """Return the plugins installed here, by name, not loaded."""
    found: dict[str, Plugin] = {}
    # PERF: all groups at once, each distribution read once: 22 ms instead of 66 for 27 plugins
    everything = entry_points()
    names: dict[Distribution | None, tuple[str, str]] = {None: ("?", "?")}
    for group in (EARLY, FULL, REQUIRED):
        for entry in sorted(everything.select(group=group), key=lambda entry: entry.name):
            if entry.dist not in names:
                names[entry.dist] = (entry.dist.name, entry.dist.version)
            distribution, version = names[entry.dist]
            plugin = found.setdefault(entry.name, Plugin(entry.name, distribution, version))
            plugin.entries[group] = entry
            if plugin.distribution != distribution:
                plugin.clash = (
                    f"{plugin.distribution} and {distribution} give a plugin of the same name; "
                    "uninstall one of them"
                )
    return dict(sorted(found.items()))
