"""Find plugins by their entry points, load them, and take their declarations into a registry."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from ..contract import hookspecs
from ..contract.kinds import KINDS
from ..foundation.errors import Invalid, describe, did_you_mean
from ..settings.model import Model, load, resolve
from .configuration import PluginsSection
from .registry import Clash, Deployed, Registry

__all__ = ["check_plugins", "discover"]

log = logging.getLogger("hansa.plugins")
EARLY, FULL = "hansa.early", "hansa"
TYPES = ("hansa_transports", "hansa_security", "hansa_formats")


@dataclass
class Plugin:
    """One plugin as found here: its entry points, and its status: `loaded`, `blocked` or `failed` with the reason."""

    name: str
    distribution: str
    version: str
    entries: dict[str, EntryPoint] = field(default_factory=dict)
    status: str = "found"
    why: str = ""


class Plugins:
    """The plugins of one process. `groups` says which modules are loaded: early ones alone, or both.

    Call hooks through `hook`: `plugins.hook.hansa_NAME(...)` gives a list of results.
    """

    def __init__(self, registry: Registry, groups: Iterable[str] = (EARLY, FULL)) -> None:
        self.registry = registry
        self.groups = tuple(groups)
        self.hooks = pluggy.PluginManager(hookspecs.PROJECT)
        self.hooks.add_hookspecs(hookspecs)
        self.hook: Any = self.hooks.hook
        self.found: dict[str, Plugin] = {}
        self.modules: list[str] = []

    def load(self, *, enabled: Iterable[str] | None = None, blocked: Iterable[str] = ()) -> None:
        """Find and load everything that is installed and not blocked; raises `Invalid` with the faults of all plugins."""
        self.found = discover()
        wanted = set(self.found if enabled is None else enabled)
        missing = sorted(wanted - set(self.found))
        faults = {f"plugins.enabled: {name}": "no such plugin is installed" for name in missing}
        for plugin in self.found.values():
            if plugin.name in set(blocked) or plugin.name not in wanted:
                plugin.status = "blocked"
                continue
            try:
                self._register(plugin)
            except (Exception, SystemExit) as error:
                plugin.status, plugin.why = "failed", describe(error)
                log.error("plugin %s cannot be loaded", plugin.name, exc_info=error)
                faults[f"plugin {plugin.name} ({plugin.distribution} {plugin.version})"] = (
                    plugin.why
                )
        self.registry.extend_channels(
            model for given in self.hook.hansa_channel_settings() for model in given
        )
        self.modules = [module for modules in self.hook.hansa_modules() for module in modules]
        for module in self.modules:
            importlib.import_module(module)
        if faults:
            raise Invalid(faults)

    def _register(self, plugin: Plugin) -> None:
        if plugin.why:
            raise Clash(plugin.why)
        known = {name for name in dir(hookspecs) if name.startswith("hansa_")}
        for group in [group for group in self.groups if group in plugin.entries]:
            module = plugin.entries[group].load()
            self.hooks.register(module, f"{plugin.name}:{group}")
            for name in dir(module):
                if (
                    hasattr(getattr(module, name), f"{hookspecs.PROJECT}_impl")
                    and name not in known
                ):
                    raise LookupError(f"there is no hook {name}{did_you_mean(name, known)}")
            if group == FULL:
                given: list[list[type]] = [getattr(module, hook, list)() for hook in TYPES]
                self.registry.add_types(plugin.name, [cls for classes in given for cls in classes])
        plugin.status = "loaded"

    def register_services(self, server: Any) -> None:
        """Take the services of every plugin into the registry."""
        for implementation in self.hook.hansa_services.get_hookimpls():
            origin = f"plugin {implementation.plugin_name.partition(':')[0]}"
            given = dict.fromkeys(
                implementation.argnames, server
            )  # an implementation may take fewer arguments
            classes = implementation.function(**given)
            self.registry.replace_services(
                origin, [Deployed(cls.get_name(), cls, origin) for cls in classes]
            )

    def wraps(self) -> list[Any]:
        """The callables of `hansa_wrap`, to be called by keywords."""

        def one(
            found: Any,
        ) -> Any:  # an implementation may take fewer arguments than the hook offers
            return lambda **given: found.function(*(given[name] for name in found.argnames))

        return [one(found) for found in self.hook.hansa_wrap.get_hookimpls()]

    def sections(self) -> dict[str, type[Model]]:
        """The sections of config.toml that plugins declare; raises `Clash` if two declare the same."""
        found: dict[str, type[Model]] = {}
        for sections in self.hook.hansa_settings():
            if twice := found.keys() & sections.keys():
                raise Clash(f"two plugins declare the section [{min(twice)}]")
            found |= sections
        return found


def discover() -> dict[str, Plugin]:
    """The plugins installed here, by name, not loaded."""
    found: dict[str, Plugin] = {}
    for group in (EARLY, FULL):
        for entry in sorted(entry_points(group=group), key=lambda e: e.name):
            name, version = (entry.dist.name, entry.dist.version) if entry.dist else ("?", "?")
            plugin = found.setdefault(entry.name, Plugin(entry.name, name, version))
            plugin.entries[group] = entry
            if plugin.distribution != name:
                plugin.why = f"{plugin.distribution} and {name} give a plugin of the same name; uninstall one of them"
    return dict(sorted(found.items()))


def load_plugins(config: Any, blocked: set[str], groups: Iterable[str] = (EARLY, FULL)) -> Plugins:
    """Load all plugins that the configuration and `blocked` allow, and validate the configuration with them; raises `Invalid`."""
    plugins = Plugins(Registry(), groups)
    section = PluginsSection()
    with contextlib.suppress(Invalid):  # told by the validation below
        section = load(PluginsSection, resolve(config.data.get("plugins", {})))
    plugins.load(enabled=section.enabled, blocked={*section.blocked, *blocked})
    config.validate(plugins.sections(), KINDS, plugins.registry if FULL in plugins.groups else None)
    return plugins


def check_plugins(config: Path, directory: Path | None = None, blocked: Iterable[str] = ()) -> None:
    """Try in a child process whether a worker could load all plugins and read the configuration; raises `Invalid`."""
    program = "import sys; from hansa.process.worker import check; check(*sys.argv[1:])"
    command = [
        sys.executable,
        "-P",
        "-c",
        program,
        str(config),
        str(directory or ""),
        *sorted(blocked),
    ]
    child = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )
    if child.returncode:
        try:
            faults = json.loads(child.stdout.strip().splitlines()[-1])
        except (ValueError, IndexError):
            faults = {
                "": f"the trial ended with status {child.returncode}: {child.stderr.decode()[-500:]}"
            }
        raise Invalid(faults)
