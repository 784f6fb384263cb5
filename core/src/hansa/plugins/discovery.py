"""Find plugins by their entry points, load them, and take their declarations into a registry."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from pluggy import HookImpl

from ..contract import hookspecs
from ..contract.kinds import KINDS, Channel, Definition, Dispatch, Format
from ..contract.records import InstalledPlugin, PlainSettings
from ..contract.registry import RegisteredService
from ..contract.server import Server
from ..contract.service import Service, Wrap
from ..foundation.errors import Invalid, describe, did_you_mean
from ..settings.model import Model
from ..settings.resolve import resolve
from ..settings.validate import load
from .configuration import Config
from .registry import Clash, Registry
from .sections import PluginsSection

if TYPE_CHECKING:
    import click

log = logging.getLogger("hansa.plugins")

EARLY = "hansa.early"
FULL = "hansa"
TYPE_HOOKS = ("hansa_transports", "hansa_security", "hansa_formats")
_HOOKS = {name for name in dir(hookspecs) if name.startswith("hansa_")}

BuiltinDefinition = tuple[str, str, str, PlainSettings]


@dataclass
class Plugin:
    """One plugin as found here: its entry points, and its status: `loaded`, `blocked` or `failed`
    with the reason.
    """

    name: str
    distribution: str
    version: str
    entries: dict[str, EntryPoint] = field(default_factory=dict)
    status: str = "found"
    why: str = ""

    @property
    def record(self) -> InstalledPlugin:
        """The plugin as the contract shows it."""
        return InstalledPlugin(self.name, self.distribution, self.version, self.status, self.why)


class Plugins:
    """The plugins of one process. `groups` says which modules are loaded: early ones alone, or
    both.

    Call hooks through `hook`: `plugins.hook.hansa_NAME(...)` returns a list of results.
    """

    def __init__(self, registry: Registry, groups: Iterable[str] = (EARLY, FULL)) -> None:
        self.registry = registry
        self.groups = tuple(groups)
        self.found: dict[str, Plugin] = {}
        self.modules: list[str] = []
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @property
    def hook(self) -> pluggy.HookRelay:
        """The hooks, to be called by name and with keywords."""
        return self._manager.hook

    # -- load --------------------------------------------------------------------------------------

    def load(self, *, enabled: Iterable[str] | None = None, blocked: Iterable[str] = ()) -> None:
        """Find and load everything that is installed and not blocked; raises `Invalid` with the
        faults of all plugins.
        """
        self.found = discover()
        wanted = set(self.found if enabled is None else enabled)
        unwanted = set(blocked)
        missing = sorted(wanted - set(self.found))
        faults = {f"plugins.enabled: {name}": "no such plugin is installed" for name in missing}
        for plugin in self.found.values():
            if plugin.name in unwanted or plugin.name not in wanted:
                plugin.status = "blocked"
                continue
            try:
                self._register(plugin)
            except (Exception, SystemExit) as error:
                plugin.status = "failed"
                plugin.why = describe(error)
                log.error("plugin %s cannot be loaded", plugin.name, exc_info=error)
                named = f"plugin {plugin.name} ({plugin.distribution} {plugin.version})"
                faults[named] = plugin.why
        self.registry.extend_channels(self._channel_sections())
        for modules in self.hook.hansa_modules():
            self.modules += modules
        for module in self.modules:
            importlib.import_module(module)
        if faults:
            raise Invalid(faults)

    def _register(self, plugin: Plugin) -> None:
        if plugin.why:
            raise Clash(plugin.why)
        for group in self.groups:
            entry = plugin.entries.get(group)
            if entry is None:
                continue
            module: ModuleType = entry.load()
            self._manager.register(module, f"{plugin.name}:{group}")
            _refuse_unknown_hooks(module)
            if group == FULL:
                self.registry.add_types(plugin.name, _types_of(module))
        plugin.status = "loaded"

    def _channel_sections(self) -> dict[str, type[Model]]:
        found: dict[str, type[Model]] = {}
        for sections in self.hook.hansa_channel_settings():
            _merge(found, sections, "the section {} of channels")
        return found

    # -- what plugins bring ------------------------------------------------------------------------

    def sections(self) -> dict[str, type[Model]]:
        """Return the sections of config.toml that plugins declare; raises `Clash` if two declare
        the same.
        """
        found: dict[str, type[Model]] = {}
        for sections in self.hook.hansa_settings():
            _merge(found, sections, "the section [{}]")
        return found

    def start(self, server: Server) -> Iterator[object]:
        """Start the plugins in a worker, one after the other, and return what each keeps there."""
        for implementation in reversed(self.hook.hansa_startup.get_hookimpls()):
            resource = _call(implementation, server=server)
            if resource is not None:
                yield resource

    def definitions(self, server: Server) -> list[BuiltinDefinition]:
        """Return the definitions that come with plugins."""
        found: list[BuiltinDefinition] = []
        for several in self.hook.hansa_definitions(server=server):
            found += several
        return found

    def register_services(self, server: Server) -> None:
        """Take the services of every plugin into the registry."""
        for implementation in self.hook.hansa_services.get_hookimpls():
            origin = f"plugin {implementation.plugin_name.partition(':')[0]}"
            classes: list[type[Service]] = _call(implementation, server=server)
            self.registry.replace_services(
                origin, [RegisteredService(cls.get_name(), cls, origin) for cls in classes]
            )

    def add_commands(self, commands: click.Group) -> list[tuple[str, Exception]]:
        """Have plugins add their commands; returns those that could not, and why."""
        failed: list[tuple[str, Exception]] = []
        for implementation in self.hook.hansa_commands.get_hookimpls():
            try:
                _call(implementation, commands=commands)
            except Exception as error:
                failed.append((implementation.plugin_name.partition(":")[0], error))
        return failed

    def wraps(self) -> list[Wrap]:
        """Return the implementations of `hansa_wrap`, to be called with a channel, a service and
        the call to wrap.
        """
        return [_wrap(one) for one in self.hook.hansa_wrap.get_hookimpls()]

    def secret(self, reference: str, value: object) -> str | None:
        """Return the value behind a reference that a plugin resolves; None if none does."""
        found = self.hook.hansa_secret(reference=reference, value=value)
        return None if found is None else str(found)


def _call(implementation: HookImpl, **offered: object) -> Any:
    """Call an implementation of a hook, which may take fewer arguments than the hook offers."""
    return implementation.function(*(offered[name] for name in implementation.argnames))


def _wrap(implementation: HookImpl) -> Wrap:
    def wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
        found: Dispatch | None = _call(implementation, channel=channel, service=service, call=call)
        return found

    return wrap


def _merge(found: dict[str, type[Model]], sections: dict[str, type[Model]], what: str) -> None:
    twice = sorted(found.keys() & sections.keys())
    if twice:
        raise Clash(f"two plugins declare {what.format(twice[0])}")
    found.update(sections)


def _refuse_unknown_hooks(module: ModuleType) -> None:
    """Raise LookupError for what is marked as a hook and is none, with a suggestion."""
    for name in dir(module):
        marked = hasattr(getattr(module, name), f"{hookspecs.PROJECT}_impl")
        if marked and name not in _HOOKS:
            raise LookupError(f"there is no hook {name}{did_you_mean(name, _HOOKS)}")


def _types_of(module: ModuleType) -> list[type[Definition | Format]]:
    found: list[type[Definition | Format]] = []
    for hook in TYPE_HOOKS:
        found += getattr(module, hook, list)()
    return found


def discover() -> dict[str, Plugin]:
    """Return the plugins installed here, by name, not loaded."""
    found: dict[str, Plugin] = {}
    for group in (EARLY, FULL):
        for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
            name = entry.dist.name if entry.dist else "?"
            version = entry.dist.version if entry.dist else "?"
            plugin = found.setdefault(entry.name, Plugin(entry.name, name, version))
            plugin.entries[group] = entry
            if plugin.distribution != name:
                plugin.why = (
                    f"{plugin.distribution} and {name} give a plugin of the same name; "
                    "uninstall one of them"
                )
    return dict(sorted(found.items()))


def load_plugins(
    config: Config, blocked: set[str], groups: Iterable[str] = (EARLY, FULL)
) -> Plugins:
    """Load all plugins that the configuration and `blocked` allow, and validate the configuration
    with them.

    Raises `Invalid` with all faults.
    """
    plugins = Plugins(Registry(), groups)
    section = PluginsSection()
    with contextlib.suppress(Invalid):  # reported by the validation below
        section = load(PluginsSection, resolve(config.data.get("plugins", {})))
    plugins.load(enabled=section.enabled, blocked={*section.blocked, *blocked})
    registry = plugins.registry if FULL in plugins.groups else None
    config.validate(plugins.sections(), KINDS, registry)
    return plugins
