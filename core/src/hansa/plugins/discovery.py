"""Load plugins, take their declarations into a registry, and start them in a worker."""

from __future__ import annotations

import contextlib
import importlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from pluggy import HookImpl

from ..contract import hookspecs
from ..contract.kinds import KINDS, Channel, Definition, Dispatch, Format, Outgoing
from ..contract.observation import Observer
from ..contract.records import PlainSettings
from ..contract.registry import RegisteredService
from ..contract.server import Server
from ..contract.service import Guard, Service, Witness, Wrap
from ..foundation.errors import HansaError, Invalid, describe
from ..foundation.starts import Starts
from ..settings.model import Model
from ..settings.resolve import resolve
from ..settings.validate import default_faults, load
from .configuration import ALL_PRESENT, Absent, Config
from .hooks import refuse_faulty_hooks
from .installed import EARLY, FULL, REQUIRED, Plugin, discover
from .registry import Clash, Registry
from .requirements import Unmet, unmet
from .sections import PluginsSection

if TYPE_CHECKING:
    import click

log = logging.getLogger("hansa.plugins")

TYPE_HOOKS = ("hansa_transports", "hansa_security", "hansa_formats")
KIND_HOOK = "hansa_kinds"
OWN_KINDS = frozenset({*KINDS, "format", "service", "services", "plugin", "server", "release"})
"""Words that no plugin may call a kind: core's kinds, and what else the change log and exports
name.
"""

IMPORT = "import"
PHASES = (
    IMPORT,
    "hansa_dialects",
    "hansa_listen",
    "hansa_engines",
    "hansa_ready",
    "hansa_startup",
    "hansa_attributes",
    "hansa_services",
    "hansa_definitions",
    "hansa_serve",
)
"""The parts of a plugin's start; one that is survived does not clear another."""

NONE_FAILED: Mapping[str, str] = MappingProxyType({})

BuiltinDefinition = tuple[str, str, str, PlainSettings]
Sections = dict[str, tuple[str, type[Model]]]
"""Sections of settings by name, each with the plugin that declares it."""


class Plugins:
    """The plugins of one process. `groups` says which modules are loaded: early ones alone, or
    both. What is loaded and started is noted in `starts`. Without those `needed` no worker serves,
    besides those that say so themselves; None means all.

    Call hooks through `hook`: `plugins.hook.hansa_NAME(...)` returns a list of results.
    """

    def __init__(
        self,
        registry: Registry,
        groups: Iterable[str] = (EARLY, FULL),
        starts: Starts | None = None,
        needed: Collection[str] | None = (),
    ) -> None:
        self.registry = registry
        self.groups = tuple(groups)
        self.starts = starts or Starts()
        self._needed = needed
        self.found: dict[str, Plugin] = {}
        self.modules: list[str] = []
        self.missing: list[str] = []
        self.taken_out: dict[str, str] = {}
        """Plugins that could be loaded and then failed in the supervisor, and why."""
        self._sections: Sections = {}
        self._channel_sections: Sections = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    @property
    def hook(self) -> pluggy.HookRelay:
        """The hooks, to be called by name and with keywords."""
        return self._manager.hook

    # -- load --------------------------------------------------------------------------------------

    def load(
        self,
        *,
        enabled: Iterable[str] | None = None,
        blocked: Iterable[str] = (),
        failed: Mapping[str, str] = NONE_FAILED,
        trying: Callable[[Plugin], None] | None = None,
    ) -> None:
        """Find and load everything that is installed and not blocked; one that cannot be loaded is
        `failed`, and does not keep the others from being loaded.

        Of those enabled by name, `missing` lists what is not installed. Those that have `failed`
        elsewhere are not loaded, either. `trying` is called before each that is loaded.
        """
        self.found = discover()
        wanted = set(self.found if enabled is None else enabled)
        unwanted = set(blocked)
        self.missing = sorted(wanted - set(self.found))
        for plugin in self.found.values():
            if plugin.name in unwanted or plugin.name not in wanted:
                plugin.status = "blocked"
                continue
            if plugin.name in failed:
                plugin.status = "failed"
                plugin.why = failed[plugin.name]
                continue
            if trying is not None:
                trying(plugin)
            self._try(plugin)
        self._extend_channels()

    def _try(self, plugin: Plugin) -> None:
        """Load a plugin, unless it has ended processes before."""
        for subject in starts_of(plugin.name):
            deaths = self.starts.quarantined(subject)
            if deaths is None:
                continue
            plugin.status = "quarantined"
            plugin.why = f"{deaths}; {_remedy(plugin)}"
            log.error("%s is left out: %s", plugin.label, plugin.why)
            return
        try:
            with self._starting(plugin, IMPORT):
                self._register(plugin)
        except (Exception, SystemExit) as error:
            self._fail(plugin, error)

    def _register(self, plugin: Plugin) -> None:
        if plugin.fault:
            raise Clash(plugin.fault)
        faults = unmet(plugin.requirements)
        if faults:
            raise Unmet("; ".join(faults))
        for group in self.groups:
            entry = plugin.entries.get(group)
            if entry is None:
                continue
            module: ModuleType = entry.load()
            refuse_faulty_hooks(module)
            self._manager.register(module, _registered_name(plugin, group))
            self._take_declarations(plugin, module)
            types = _kinds_of(module)
            if group == FULL:
                types += _types_of(module)
            _refuse_faulty_defaults(types)
            self.registry.add_types(plugin.name, types)
        plugin.status = "loaded"

    def _take_declarations(self, plugin: Plugin, module: ModuleType) -> None:
        """Take the sections that a module declares, and import the modules that it names."""
        sections = _declared(module, "hansa_settings", dict)
        _merge(self._sections, sections, plugin, "the section [{}]")
        channels = _declared(module, "hansa_channel_settings", dict)
        _merge(self._channel_sections, channels, plugin, "the section {} of channels")
        for name in _declared(module, "hansa_modules", list):
            importlib.import_module(name)
            self.modules.append(name)

    def _extend_channels(self) -> None:
        sections = {name: model for name, (_, model) in self._channel_sections.items()}
        self.registry.extend_channels(sections)

    def _fail(self, plugin: Plugin, error: BaseException, remedy: str = "") -> None:
        """Note that a plugin cannot be loaded or started, and take back what it has registered."""
        plugin.status = "failed"
        plugin.why = f"{describe(error)}; {remedy or _remedy_for(plugin, error)}"
        log.error("%s cannot be loaded", plugin.label, exc_info=error)
        for group in self.groups:
            name = _registered_name(plugin, group)
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
        self.registry.remove_types(plugin.name)
        self.registry.replace_services(_origin(plugin.name), [])
        for declared in (self._sections, self._channel_sections):
            for section in [one for one, (owner, _) in declared.items() if owner == plugin.name]:
                del declared[section]

    def channel_sections_of(self, plugin: str) -> set[str]:
        """Return the names of the sections that a plugin adds to the settings of channels."""
        return {name for name, (owner, _) in self._channel_sections.items() if owner == plugin}

    def faults(self) -> dict[str, str]:
        """Return why plugins could not be loaded without which no worker serves, by plugin."""
        return {plugin.label: plugin.why for plugin in self.broken if self._is_needed(plugin)}

    def _is_needed(self, plugin: Plugin) -> bool:
        if self._needed is None or REQUIRED in plugin.entries:
            return True
        return plugin.name in self._needed

    @property
    def loaded(self) -> list[str]:
        """The names of the plugins that are loaded, sorted."""
        return [plugin.name for plugin in self.found.values() if plugin.status == "loaded"]

    @property
    def imported(self) -> list[str]:
        """The names of the modules that were imported for the plugins that are loaded."""
        loaded = [self.found[name] for name in self.loaded]
        entries = [plugin.entries.get(group) for plugin in loaded for group in self.groups]
        return [*(entry.module for entry in entries if entry is not None), *self.modules]

    @property
    def broken(self) -> list[Plugin]:
        """The plugins that should have been loaded and were not, by name."""
        return [plugin for plugin in self.found.values() if plugin.broken]

    # -- what plugins bring ------------------------------------------------------------------------

    def sections(self) -> dict[str, type[Model]]:
        """Return the sections of config.toml that plugins declare."""
        return {name: model for name, (_, model) in self._sections.items()}

    # -- in the supervisor -------------------------------------------------------------------------

    def call_early(self, hook: str, config: Config, use: Callable[[Any], object]) -> None:
        """Call a hook of early modules, plugin by plugin, and hand each answer to `use`.

        A plugin that fails in either is taken out of this server; raises what it raised if no
        worker serves without it.
        """
        caller: pluggy.HookCaller = getattr(self.hook, hook)
        for implementation in reversed(caller.get_hookimpls()):
            plugin = self.found[_owner(implementation)]
            try:
                subject = _start_of(plugin.name, hook)
                with self.starts.starting(subject):
                    with self.starts.holding_up(subject):
                        answer = _call(implementation, config=config)
                    # an engine has a limit of its own
                    use(answer)
            except (Exception, SystemExit) as error:
                self._take_out(plugin, error)

    def _take_out(self, plugin: Plugin, error: BaseException) -> None:
        """Take a plugin out of this server."""
        if self._is_needed(plugin):
            if isinstance(error, HansaError):
                raise error
            raise Invalid({plugin.label: describe(error)}) from error
        self._fail(plugin, error, _early_remedy(plugin))
        self.taken_out[plugin.name] = plugin.why

    # -- start -------------------------------------------------------------------------------------

    def start(self, server: Server) -> Iterator[object]:
        """Start the plugins in a worker, one after the other, and return what each keeps there.

        One that cannot be started is `failed` and taken out of this worker, here and below; raises
        `Invalid` if no worker serves without it.
        """
        for implementation in reversed(self.hook.hansa_startup.get_hookimpls()):
            resource: object = None
            with self._guard(implementation):
                resource = _call(implementation, server=server)
            if resource is not None:
                yield resource

    def dialects(self, server: Server) -> list[str]:
        """Return the modules by which sources in dialects of Python are read, which are imported."""
        found: list[str] = []
        for implementation in self.hook.hansa_dialects.get_hookimpls():
            with self._guard(implementation):
                names: list[str] = _call(implementation, server=server)
                for name in names:
                    importlib.import_module(name)
                found += names
        return found

    def definitions(self, server: Server) -> list[BuiltinDefinition]:
        """Return the definitions that come with plugins."""
        found: list[BuiltinDefinition] = []
        for implementation in self.hook.hansa_definitions.get_hookimpls():
            with self._guard(implementation):
                found += _call(implementation, server=server)
        return found

    def register_services(self, server: Server) -> None:
        """Take the services of every plugin into the registry."""
        for implementation in self.hook.hansa_services.get_hookimpls():
            origin = _origin(_owner(implementation))
            with self._guard(implementation):
                classes: list[type[Service]] = _call(implementation, server=server)
                self.registry.replace_services(
                    origin, [RegisteredService(cls.get_name(), cls, origin) for cls in classes]
                )

    def register_attributes(self, server: Server) -> None:
        """Take what every plugin gives services as attributes into the registry."""
        for implementation in self.hook.hansa_attributes.get_hookimpls():
            with self._guard(implementation):
                attributes: Mapping[str, object] = _call(implementation, server=server)
                self.registry.add_attributes(_owner(implementation), attributes)

    def serve(self, server: Server) -> None:
        """Have plugins begin to accept work."""
        for implementation in reversed(self.hook.hansa_serve.get_hookimpls()):
            with self._guard(implementation):
                _call(implementation, server=server)

    @contextlib.contextmanager
    def _guard(self, implementation: HookImpl) -> Iterator[None]:
        """Take a plugin out of this worker if this block fails, which is noted while it lasts."""
        plugin = self.found[_owner(implementation)]
        try:
            with self._starting(plugin, implementation.function.__name__):
                yield
        except (Exception, SystemExit) as error:
            self._fail(plugin, error)
            self._extend_channels()
            if self._is_needed(plugin):
                raise Invalid({plugin.label: plugin.why}) from error

    @contextlib.contextmanager
    def _starting(self, plugin: Plugin, phase: str) -> Iterator[None]:
        """Note that a part of a plugin's start lasts as long as this block."""
        subject = _start_of(plugin.name, phase)
        with self.starts.starting(subject), self.starts.holding_up(subject):
            yield

    def add_commands(self, commands: click.Group) -> list[tuple[str, Exception]]:
        """Have plugins add their commands; returns those that could not, and why."""
        failed: list[tuple[str, Exception]] = []
        for implementation in self.hook.hansa_commands.get_hookimpls():
            try:
                _call(implementation, commands=commands, types=list(self.registry.types()))
            except Exception as error:
                failed.append((_owner(implementation), error))
        return failed

    def wraps(self) -> list[Wrap]:
        """Return the implementations of `hansa_wrap`, to be called with a channel, a service and
        the call to wrap.
        """
        return [_wrap(one) for one in self.hook.hansa_wrap.get_hookimpls()]

    def guards(self, channel: Channel, service: type[Service]) -> list[Guard]:
        """Return what plugins put before a channel to a service by `hansa_guard`."""
        found: list[Guard] = self.hook.hansa_guard(channel=channel, service=service)
        return found

    def witnesses(self, channel: Channel | None, service: type[Service]) -> list[Witness]:
        """Return what plugins have learn of refusals by `hansa_refused`."""
        found: list[Witness] = self.hook.hansa_refused(channel=channel, service=service)
        return found

    def observers(self, outgoing: Outgoing) -> list[Observer]:
        """Return what plugins have learn of the calls of an outgoing connection by `hansa_observe`."""
        found: list[Observer] = self.hook.hansa_observe(outgoing=outgoing)
        return found

    def secret(self, server: Server, reference: str, value: object) -> str | None:
        """Return the value behind a reference that a plugin resolves; None if none does."""
        found = self.hook.hansa_secret(server=server, reference=reference, value=value)
        return None if found is None else str(found)


def _call(implementation: HookImpl, **offered: object) -> Any:
    """Call an implementation of a hook, which may take fewer arguments than the hook offers."""
    return implementation.function(*(offered[name] for name in implementation.argnames))


def _wrap(implementation: HookImpl) -> Wrap:
    def wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
        found: Dispatch | None = _call(implementation, channel=channel, service=service, call=call)
        return found

    return wrap


def starts_of(plugin: str) -> list[str]:
    """Return what is noted while a plugin is loaded and started."""
    return [_start_of(plugin, phase) for phase in PHASES]


def required_starts() -> list[str]:
    """Return what is noted while the plugins are started without which no worker serves."""
    required = [plugin for plugin in discover().values() if REQUIRED in plugin.entries]
    return [subject for plugin in required for subject in starts_of(plugin.name)]


def _start_of(plugin: str, phase: str) -> str:
    return f"plugin {plugin} ({phase})"


def _owner(implementation: HookImpl) -> str:
    """Return the name of the plugin that implements a hook."""
    return implementation.plugin_name.partition(":")[0]


def _origin(plugin: str) -> str:
    """Return what services of a plugin are registered as."""
    return f"plugin {plugin}"


def _registered_name(plugin: Plugin, group: str) -> str:
    """Return the name under which pluggy knows a module of a plugin."""
    return f"{plugin.name}:{group}"


def _remedy(plugin: Plugin) -> str:
    """Return what can be done about a plugin that cannot be loaded."""
    return (
        f"correct it and run `hansa plugin reload {plugin.name}`, "
        f"or keep it out by `hansa plugin block {plugin.name}`"
    )


def _remedy_for(plugin: Plugin, error: BaseException) -> str:
    """Return what can be done about a plugin that cannot be loaded for this reason."""
    if not isinstance(error, Unmet):
        return _remedy(plugin)
    return (
        f"install what it needs (`pip install {plugin.distribution}=={plugin.version}`), or a "
        f"version of it that fits, and run `hansa plugin reload {plugin.name}`"
    )


def _early_remedy(plugin: Plugin) -> str:
    """Return what can be done about a plugin that failed in the supervisor."""
    return (
        "correct it and restart the server (`hansa cluster restart`), "
        f"or keep it out by `hansa plugin block {plugin.name}`"
    )


def _merge(found: Sections, sections: dict[str, type[Model]], plugin: Plugin, what: str) -> None:
    for name, model in sections.items():
        owner, _ = found.setdefault(name, (plugin.name, model))
        if owner != plugin.name:
            raise Clash(f"the plugins {owner} and {plugin.name} declare {what.format(name)}")


def _declared(module: ModuleType, hook: str, nothing: Callable[[], Any]) -> Any:
    """Return what a module's implementation of a hook without arguments declares."""
    return getattr(module, hook, nothing)()


def _refuse_faulty_defaults(types: Iterable[type[Definition | Format]]) -> None:
    """Raise `Invalid` for settings whose defaults no definition could have."""
    faults: dict[str, str] = {}
    for cls in types:
        # what is no type at all is refused when it is registered
        config = getattr(cls, "Config", None)
        if isinstance(config, type) and issubclass(config, Model):
            found = default_faults(config).items()
            faults.update({f"{cls.__name__}.{name}": fault for name, fault in found})
    if faults:
        raise Invalid(faults)


def _types_of(module: ModuleType) -> list[type[Definition | Format]]:
    found: list[type[Definition | Format]] = []
    for hook in TYPE_HOOKS:
        found += _declared(module, hook, list)
    return found


def _kinds_of(module: ModuleType) -> list[type[Definition | Format]]:
    """Return the types of kinds that a module adds; raises `Clash` for a kind of core."""
    found: list[type[Definition | Format]] = list(_declared(module, KIND_HOOK, list))
    for cls in found:
        if cls.kind in OWN_KINDS:
            fault = f"{cls.__name__} names the kind {cls.kind}, which is core's own"
            raise Clash(f"{KIND_HOOK}: {fault}")
    return found


def load_plugins(
    config: Config,
    blocked: Iterable[str],
    groups: Iterable[str] = (EARLY, FULL),
    *,
    starts: Starts | None = None,
    needed: Collection[str] | None = (),
    failed: Mapping[str, str] = NONE_FAILED,
    trying: Callable[[Plugin], None] | None = None,
) -> Plugins:
    """Load all plugins that the configuration and `blocked` allow, and validate the configuration
    with what was loaded.

    Those that have `failed` in the supervisor are not loaded. Raises `Invalid` with all faults. A
    plugin that cannot be loaded is one only if it is `needed`,
    as all are with None, or if no worker serves without it.
    """
    plugins = Plugins(Registry(), groups, starts, needed)
    section = PluginsSection()
    with contextlib.suppress(Invalid):  # reported by the validation below
        section = load(PluginsSection, resolve(config.data.get("plugins", {})))
    unwanted = {*section.blocked, *blocked}
    plugins.load(enabled=section.enabled, blocked=unwanted, failed=failed, trying=trying)
    faults = plugins.faults()
    for name in plugins.missing:
        faults[f"plugins.enabled: {name}"] = "no such plugin is installed"
    if faults:
        raise Invalid(faults)
    broken = {plugin.name for plugin in plugins.broken}
    absent = Absent({*blocked, *broken}, bool(broken)) if broken or blocked else ALL_PRESENT
    registry = plugins.registry if FULL in plugins.groups else None
    kinds = {*KINDS, *(one.kind for one in plugins.registry.types())}
    config.validate(plugins.sections(), kinds, registry, absent)
    return plugins
