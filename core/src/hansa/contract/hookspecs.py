"""The hooks a plugin may implement. Each returns declarations; core asks once, when it loads the
plugin, unless said otherwise.

Write `@hookimpl` over a function of the same name in the plugin's module; it may take fewer
arguments than the hook offers. Modules named in the entry point group `hansa` are loaded in
workers. Those in the group `hansa.early` are also loaded in the supervisor, by the `hansa` command
and in trial imports, and must import nothing heavy; the hooks they may implement say so.
"""

# The names of hooks and arguments are the contract; the bodies are empty on purpose.
# mypy: disable-error-code="empty-body"
from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    import click

    from ..settings.model import Model
    from .bus import Bus, Queue
    from .engine import Engine
    from .examination import Examination
    from .kinds import Channel, Definition, Dispatch, Format, Outgoing, Security
    from .observation import Observer
    from .packages import PackageVersion
    from .records import PlainSettings, StoredChange
    from .registry import RegisteredType
    from .server import Configuration, Server
    from .service import Guard, Service, Witness

PROJECT = "hansa"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# -- what a plugin adds: asked when it is loaded ---------------------------------------------------


@hookspec
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return the Channel and Outgoing classes of this plugin."""


@hookspec
def hansa_security() -> list[type[Security]]:
    """Return the Security classes of this plugin."""


@hookspec
def hansa_formats() -> list[type[Format]]:
    """Return the Format classes of this plugin."""


@hookspec
def hansa_kinds() -> list[type[Definition]]:
    """Return types of kinds that this plugin adds: Definition classes with a `kind` of their own.
    Early.

    A kind with a single type gives both the same name, `kind = type = "role"`: its admin services
    are then `admin.role.create` and so on, and its commands `hansa role create`.
    """


@hookspec
def hansa_services(server: Server) -> list[type[Service]]:
    """Return the services of this plugin, which are always there; they may be built from what
    `server` knows.

    Called again after any plugin was reloaded, since services may be derived from the registered
    types.
    """


@hookspec
def hansa_definitions(server: Server) -> list[tuple[str, str, str, PlainSettings]]:
    """Return definitions that come with the plugin, as (kind, type, name, settings): not stored,
    exported or editable.
    """


@hookspec
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return sections of settings that every channel has besides its own, by name, as models with
    defaults.

    `{"limits": Limits}` adds the setting `limits` with the settings of that model inside it;
    `hansa_wrap` is where they take effect, as `channel.config.limits`. A model with
    `__beside__ = "url_path"` is a section of channels with that setting alone.
    """


@hookspec
def hansa_settings() -> dict[str, type[Model]]:
    """Return the plugin's sections of config.toml, by name. Early."""


@hookspec
def hansa_modules() -> list[str]:
    """Name modules to import before any source of a service is, in workers and in trial imports.
    Early.
    """


@hookspec
def hansa_dialects(server: Server) -> list[str]:
    """Name modules by which sources of services in a dialect of Python are read: the first one whose
    `speaks(files)` is true of a package gives it further built-in names and imports, and its syntax
    tree. They are imported in trial imports, too, and must import nothing heavy.

    Called once, when a worker starts. Of `server` only what `hansa_bus` says is there yet. The
    functions of such a module are described in `core/src/hansa/contract/dialect.py`.
    """


@hookspec
def hansa_commands(commands: click.Group, types: list[RegisteredType]) -> None:
    """Add commands to the group `hansa`; called when `hansa` parses its command line. Early.

    `types` are those that early modules return by `hansa_kinds`.
    """


@hookspec
def hansa_transient_keys() -> list[str]:
    """Name the families of Redis keys of this plugin that a backup leaves out, by the first part of
    what `bus.key` makes: `["rates"]` for `bus.key("rates", name)`. Early.

    Whatever is not named so is kept: a promise made to a caller may depend on it.
    """


@hookspec
def hansa_examinations() -> list[Examination]:
    """Return what `hansa doctor` examines of each server. Early: what an examination needs is
    imported when it is carried out.
    """


# -- in the supervisor -----------------------------------------------------------------------------


@hookspec
def hansa_engines(config: Configuration) -> list[Engine]:
    """Return programs to run beside the workers; called before workers start. Early."""


@hookspec
def hansa_listen(config: Configuration) -> dict[str, socket.socket]:
    """Return bound, listening sockets by name, handed to every worker; called once. Early."""


@hookspec
def hansa_ready(config: Configuration) -> list[str]:
    """Return lines for the person who started the server, printed once it is ready. Early."""


# -- in each worker, from its start to its end -----------------------------------------------------


@hookspec(firstresult=True)
def hansa_bus(server: Server) -> Bus | None:
    """Return what carries nudges and leases between the workers of the cluster, in place of the
    ODB; called first.

    Of `server` only `name`, `id`, `worker`, `dir`, `engines`, `cluster.name` and `section` are
    there yet.
    """


@hookspec(firstresult=True)
def hansa_queue(server: Server) -> Queue | None:
    """Return the queue of asynchronous calls; called after `hansa_bus`."""


@hookspec
def hansa_startup(server: Server) -> object | None:
    """Start what the plugin needs in a worker, before any of its objects start, and return it, or
    None.

    What it returns is the plugin's resource: its later hooks and its objects get it by its class,
    as `server.resource(AccessLog)`. `hansa_shutdown` undoes it.
    """


@hookspec
def hansa_attributes(server: Server) -> Mapping[str, object]:
    """Return what every service of this worker has as an attribute, by name, such as
    `{"translate": tables.translate}`: in services it is `self.translate`.

    Called once, after `hansa_startup` of all plugins. A name that another plugin, or `Service`
    itself, has is refused, and so is one that begins with an underscore.
    """


@hookspec
def hansa_serve(server: Server) -> None:
    """Begin to accept work: everything configured has been started; called once."""


@hookspec
def hansa_deployed(server: Server, package: PackageVersion) -> None:
    """Learn that this worker has loaded a package that was deployed while it ran; not called for
    what merely imports it.
    """


@hookspec
def hansa_stored(server: Server, change: StoredChange) -> None:
    """Learn of a change that this worker has stored, whoever made it and by whatever way, before
    its author is answered.
    """


@hookspec
def hansa_drain(server: Server) -> None:
    """Accept nothing new and finish what was accepted; called when the worker is to end, before
    objects stop. May block.
    """


@hookspec
def hansa_shutdown(server: Server) -> None:
    """Undo `hansa_startup`; called when the worker ends."""


# -- for each route and each secret ----------------------------------------------------------------


@hookspec
def hansa_guard(channel: Channel, service: type[Service]) -> Guard | None:
    """Return what looks at each request of a channel before its caller is authenticated, or None;
    called once for each compiled route.

    It raises what refuses the request, such as `Forbidden`.
    """


@hookspec
def hansa_refused(channel: Channel | None, service: type[Service]) -> Witness | None:
    """Return what learns of each request of a route that is refused, before the caller is answered,
    or None; called once for each compiled route.

    Refused is what ends with `Refused` or `Forbidden`, whether a guard, a security definition, a
    wrapper or the service raises it. `channel` is None for routes without one, such as those of
    queued calls. Of calls from service to service it learns nothing: their errors are raised in the
    calling service, and count where that lets them through.
    """


@hookspec
def hansa_wrap(channel: Channel | None, service: type[Service], call: Dispatch) -> Dispatch | None:
    """Return a callable around `call` (Request -> Response), or None; called once for each compiled
    route.

    `channel` is None for calls from service to service. Around a service of the form `async def
    handle` the callable may run on the event loop of the worker, where it must not block; `call`
    itself does not block there. One that waits, for its turn or for another machine, is returned as
    `event_loop.kept_off(callable)`: then such requests have a thread each.
    """


@hookspec
def hansa_observe(outgoing: Outgoing) -> Observer | None:
    """Return what learns of each call that an outgoing connection makes, or None; called once for
    each object, before it starts.

    It is called in the thread of the call, with its nanoseconds and the code of its error, empty if
    it succeeded; it must be quick, and not raise.
    """


@hookspec(firstresult=True)
def hansa_secret(server: Server, reference: str, value: object) -> str | None:
    """Return the value behind `{"$reference": value}` in a setting, such as `{"$vault": "path"}`;
    the first answer counts.

    Called when a definition is checked and each time its object is made. Raises `Invalid` for what
    is not there, and `Unavailable`; `server.objects.renew` has objects made anew when a value has
    changed.
    """
