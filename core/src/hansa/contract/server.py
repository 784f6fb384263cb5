"""The server as plugins, services and configured objects see it: the worker they run in, and
through it the cluster.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Unpack

from ..settings.model import Model
from .bus import Bus, Queue, Records
from .calls import QueueOptions, RouteOptions
from .change_log import ChangeLog
from .journal import Journal
from .kinds import Definition, Security
from .message import Request, Response
from .packages import PackageVersion
from .records import (
    Applied,
    DefinitionRecord,
    DeployedPackage,
    Deployment,
    Edit,
    HeldLease,
    InstalledPlugin,
    MakeMode,
    ObjectState,
    PlainSettings,
    WorkerReport,
)
from .registry import Registry
from .worker_answer import WorkerAnswer

if TYPE_CHECKING:
    from redis import Redis

ResourceT = TypeVar("ResourceT")
SectionT = TypeVar("SectionT", bound=Model)


class Configuration(Protocol):
    """A server's configuration file as early hooks see it, in the supervisor."""

    @property
    def path(self) -> Path:
        """The file, absolute."""

    @property
    def dir(self) -> Path:
        """The folder of everything that this server writes, absolute."""

    @property
    def listening(self) -> Mapping[str, str]:
        """The addresses of bound sockets by name, such as `127.0.0.1:11223`; empty until
        `hansa_listen` has run.
        """

    def section(self, model: type[SectionT]) -> SectionT:
        """Return a section by the model that `hansa_settings` declared for it; defaults where the
        file has none.
        """


class Definitions(Protocol):
    """The definitions of the cluster: what is configured, and the one way to change it."""

    def all(self, kind: str = "", type: str = "") -> list[DefinitionRecord]:
        """Return stored and built-in definitions, of a kind and type or of all, sorted by kind,
        type and name.

        Settings that an older version stored are in today's shape, as `Model.upgrade` returns them.
        """

    def get(self, kind: str, type: str, name: str) -> DefinitionRecord:
        """Return one definition, its settings in today's shape; raises `NotFound`."""

    def exists(self, kind: str, type: str, name: str) -> bool:
        """Whether a definition, service or format of this name is there; an empty type means any."""

    def comparable(self, data: PlainSettings, salt: bytes = b"") -> PlainSettings:
        """Return settings with a mark in place of each encrypted secret: the same for the same
        secret in this process. Settings are equal if what this returns is.

        With a salt, random and new for each comparison, marks are the same in all clusters that get
        it. Each takes some 10 ms then, and so does each guess of who knows the salt. One of a
        password that is stored as a salted hash begins with `hashed:`; the same password may have
        others.
        """

    def validate(self, edits: Iterable[Edit], *, any_service: bool = False) -> dict[str, str]:
        """Return everything that speaks against these edits, made together, by
        `kind.type.name.setting`; nothing is stored.

        What it returns is what `change` would refuse: faults of settings, missing references, taken
        names and claims, definitions in use, revisions that are no longer current. With
        `any_service`, a service that does not exist yet is no fault: for definitions that come with
        the sources of their services.
        """

    def prepare(self, edits: Iterable[Edit], *, any_service: bool = False) -> list[Edit]:
        """Return these edits with their settings as they are to be stored: in today's shape,
        passwords hashed, secrets encrypted.

        Nothing is stored. What is prepared is not hashed again by `change`. Raises one `Invalid`
        with what `validate` would return.
        """

    def change(self, edits: Iterable[Edit], *, by: str = "", wait: bool = True) -> Applied:
        """Make these edits in one transaction, all of them or none; they may refer to each other in
        any order.

        Waits up to 5 seconds until the workers have applied them, unless `wait` is false. `by` is
        the author for the change log. Raises one `Invalid` with all faults by
        `kind.type.name.setting`.
        """

    def define(
        self,
        kind: str,
        type: str,
        name: str,
        data: PlainSettings,
        *,
        mode: str = "set",
        seen_revision: int | None = None,
        by: str = "",
        wait: bool = True,
    ) -> Applied:
        """Create, edit or set one definition, as `Edit` says; raises `Invalid` by setting,
        `NotFound` or `Conflict`.
        """

    def delete(
        self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = ""
    ) -> Applied:
        """Delete one definition; raises `NotFound`, or `Conflict` naming what uses it."""

    def release(self, kind: str, type: str, name: str, *, by: str = "") -> Applied:
        """Have workers that have quarantined a definition, since its start ended processes, start
        it again; raises `NotFound`.
        """


class Packages(Protocol):
    """The deployed packages of the cluster: the sources of its services."""

    def versions(self, file: str = "") -> list[PackageVersion]:
        """Return all versions, of one file or of all, sorted by file and version."""

    def current(self) -> list[PackageVersion]:
        """Return the versions that serve, sorted by file."""

    def get(self, file: str, version: int = 0) -> PackageVersion | None:
        """Return one version of a file, by default the one that serves; None if there is none."""

    def serving(self) -> dict[str, int]:
        """Return the version that serves of each file."""

    def try_sources(self, files: Mapping[str, str]) -> list[DeployedPackage]:
        """Try sources, by path, in a child process, and store nothing; returns the packages that
        would be loaded anew, those that import them among them, sorted by file.

        The version of each is the one that serves now, 0 if none does. Raises `Invalid` with the
        errors and their lines, and `Conflict` for a service that another package, or a plugin, has.
        """

    def deploy(
        self,
        files: Mapping[str, str],
        *,
        remove: Iterable[str] = (),
        edits: Iterable[Edit] = (),
        by: str = "",
        declared: bool = False,
        wait: bool = True,
    ) -> Deployment:
        """Try sources, by path, in a child process; store them and have every worker load them: all
        of them or none.

        Packages named in `remove` go out of service by the same change, and `edits` of definitions
        are made by it: they may refer to services that are new, and leave those that are gone.
        `declared`: config.toml says so. Raises `Invalid` with the errors and their lines under
        `source`, refused names under `file`, and faults of edits by `kind.type.name.setting`;
        `NotFound` or `Conflict` for what is to be removed.
        """

    def prune(self, keep: int, *, portion: int = 500) -> Iterator[int]:
        """Remove old versions: those that do not serve, are not among the `keep` newest of their
        package, and are named by no line of the change log, so that nothing can go back to them.

        Of a package that is out of service the newest is kept. Each step is a transaction of its
        own, which removes up to a portion of versions and returns how many.
        """


class Plugins(Protocol):
    """The plugins installed where this worker runs, and which of them the cluster may load."""

    def installed(self) -> list[InstalledPlugin]:
        """Return the plugins of this worker, and those installed or removed since it started,
        sorted by name.
        """

    @property
    def loaded(self) -> list[str]:
        """The names of the plugins that this worker has loaded, sorted."""

    def reload(self, name: str, *, by: str = "") -> int:
        """Have all servers load a plugin anew, after a trial; returns the revision. Raises
        `NotFound`, `Conflict` for one that is blocked, or `Invalid`.
        """

    def block(self, name: str, *, force: bool = False, by: str = "") -> int:
        """Have no server load a plugin; returns the revision.

        Raises `NotFound`, or `Conflict` naming what uses it, unless it is to be blocked by `force`.
        """

    def unblock(self, name: str, *, by: str = "") -> int:
        """Let servers load a plugin again, after a trial; returns the revision. Raises `NotFound`,
        `Conflict` for one that config.toml excludes, or `Invalid`.
        """


class Cluster(Protocol):
    """The cluster that this server belongs to."""

    @property
    def name(self) -> str:
        """Its name."""

    def revision(self) -> int:
        """Return the newest revision of the change log."""

    def reports(self, *, silent: bool = False) -> dict[str, WorkerReport]:
        """Return the last report of each worker that is alive, by worker; with `silent` also of
        those not heard of lately.
        """

    def workers(self, server: str = "") -> list[str]:
        """Return the names of the workers that are alive, of one server or of all, sorted, for
        `Server.invoke_on`.
        """

    def leases(self, names: Iterable[str]) -> dict[str, HeldLease]:
        """Return those of these leases that are held."""

    def restart(self, server: str, *, by: str = "") -> int:
        """Have a server finish its work and start anew, engines included; returns the revision."""

    def current_key(self) -> str:
        """Return the fingerprint of the key that encrypts what the cluster stores; the reports of
        workers have those of the keys that each holds.
        """

    def use_key(self, fingerprint: str, *, by: str = "") -> Applied:
        """Have another key encrypt what the cluster stores, which is encrypted with it anew; returns
        who uses it, and who does not yet.

        Raises `Conflict` naming the workers that do not hold that key.
        """


class Objects(Protocol):
    """The configured objects that live in this worker."""

    def get(self, kind: str, type: str, name: str) -> Definition:
        """Return a running object; an empty type means any. Raises `NotFound`, or `Unavailable`
        with its state.
        """

    def security(self, name: str) -> Security:
        """Return a running security definition of any type; raises `NotFound`, or `Unavailable`
        with its state.
        """

    def state(self, kind: str, type: str, name: str) -> ObjectState | None:
        """Return the state of a definition's object in this worker; None if it has none."""

    def make(
        self, kind: str, type: str, name: str, data: PlainSettings, *, mode: MakeMode = "set"
    ) -> Definition:
        """Make an object of these settings, as `define` would store them, without starting it.

        With the mode `edit` they are merged with what is stored. Raises `Invalid`, or `NotFound`.
        """

    def lost(self, broken: Definition, error: BaseException) -> None:
        """Have an object whose other side is gone replaced by a new one, with back-off; called by
        `Definition.lost`.
        """

    def renew(self, reference: str, value: object) -> None:
        """Have the objects made anew whose settings have the reference `{"$reference": value}`,
        since it stands for another value now; each serves until its successor does.
        """

    def trouble(self, troubled: Definition, why: str) -> None:
        """Note that an object serves on although its other side does not answer; called by
        `Definition.trouble`.
        """


class Named(Protocol):
    """The outgoing connections of one type, by name."""

    def __getitem__(self, name: str) -> Any:
        """Return a running connection; raises `Undefined`, or `Unavailable` with its state."""

    def names(self) -> list[str]:
        """Return the names that are defined, sorted."""


class OutgoingConnections(Protocol):
    """Connections out, by type and name: `outgoing.sql["name"]`, or
    `outgoing["soap-client"]["name"]`.
    """

    def __getattr__(self, type: str) -> Named:
        """Return the connections of a type."""

    def __getitem__(self, type: str) -> Named:
        """Return the connections of a type whose name is not an identifier."""


class Server(Protocol):
    """A server as seen from one of its workers: what a plugin may ask of it and have it do."""

    @property
    def name(self) -> str:
        """The server's name, unique in its cluster."""

    @property
    def id(self) -> str:
        """The name of this worker process, unique in the cluster: `server1/0.3`, with its index and
        generation.
        """

    @property
    def worker(self) -> int:
        """The index of this worker, from 0."""

    @property
    def dir(self) -> Path:
        """The folder of everything that this server writes."""

    @property
    def grace(self) -> float:
        """Seconds that work gets to finish when a worker ends."""

    @property
    def ready(self) -> bool:
        """Whether this worker serves: it has started, and has not begun to end."""

    @property
    def fault(self) -> str:
        """Why the server cannot do its work, though it runs, so that it is to get no requests: its
        ODB is missing, or its key does not read what its cluster stores. Empty if it can.
        """

    @property
    def closing(self) -> bool:
        """Whether the whole server ends, so that no other worker will serve its sockets."""

    @property
    def log(self) -> logging.Logger:
        """The server's logger."""

    @property
    def sockets(self) -> Mapping[str, socket.socket]:
        """The sockets bound by `hansa_listen`, by name."""

    @property
    def engines(self) -> Mapping[str, str]:
        """The addresses of the engines that run beside the workers, by name."""

    @property
    def registry(self) -> Registry:
        """The types, formats and services known here."""

    @property
    def definitions(self) -> Definitions:
        """The definitions of the cluster."""

    @property
    def packages(self) -> Packages:
        """The deployed packages of the cluster."""

    @property
    def change_log(self) -> ChangeLog:
        """What was changed in the cluster, by whom and when."""

    @property
    def plugins(self) -> Plugins:
        """The plugins installed here."""

    @property
    def cluster(self) -> Cluster:
        """The cluster."""

    @property
    def objects(self) -> Objects:
        """The configured objects of this worker."""

    @property
    def outgoing(self) -> OutgoingConnections:
        """The outgoing connections of this worker."""

    @property
    def bus(self) -> Bus:
        """What the workers of the cluster reach each other by."""

    @property
    def queue(self) -> Queue | None:
        """The queue of asynchronous calls; None where no plugin gives one."""

    @property
    def redis(self) -> Redis:
        """The redis-py client (text, not bytes) of the cluster's Redis; raises `Unavailable` where
        there is none.
        """

    def records(self, namespace: str) -> Records:
        """Return small records that outlive a process: the cluster's where the bus keeps some, else
        this server's own.
        """

    def journal(self, name: str) -> Journal:
        """Return the journal of a name, at most 50 characters: records of the cluster, kept in its
        ODB, to which others are added at the end.
        """

    def section(self, model: type[SectionT]) -> SectionT:
        """Return a section of config.toml by the model that `hansa_settings` declared for it."""

    def resource(self, wanted: type[ResourceT]) -> ResourceT:
        """Return the object of this class that a plugin's `hansa_startup` returned; raises
        `Undefined`.
        """

    def replace_workers(self) -> None:
        """Have the workers of this server replaced one by one; no request is lost."""

    def replace_worker(self, why: str) -> None:
        """Have this worker replaced, which cannot go on; the log says why."""

    def invoke(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        extra: Mapping[str, object] | None = None,
    ) -> Any:
        """Call a service in this worker and return its answer; its exceptions come through. Raises
        `Undefined` if there is no such service.
        """

    def invoke_on(
        self,
        workers: Iterable[str],
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        timeout: float = 5.0,
        extra: Mapping[str, object] | None = None,
    ) -> dict[str, WorkerAnswer]:
        """Call a service in each of these workers, at most 1000, at the same time, and return what
        each answered, in their order; those that did not answer within `timeout` seconds, at most
        600, are among them.

        Workers are named as `cluster.workers()` names them. Each is called at most once; a service
        that takes longer goes on, and its answer is lost. Payload, `extra` and answers are plain
        data as JSON holds it, of at most 1 MiB. Raises `Invalid` or `TooLarge` for a payload that
        cannot be sent.
        """

    def invoke_async(
        self,
        name: str,
        payload: object = None,
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Queue a call, delivered at least once by any worker of the cluster; returns its
        correlation id.

        Raises `Undefined` if there is no such service, and `Unavailable` where there is no queue.
        """

    def invoke_async_many(
        self,
        name: str,
        payloads: Iterable[object],
        *,
        cid: str = "",
        **options: Unpack[QueueOptions],
    ) -> str:
        """Queue a call for each of these payloads, at most 10,000, in their order and in one step:
        all or none; returns their correlation id, which is the same. Raises as `invoke_async`, and
        `Invalid` for a payload.
        """

    def handle(
        self,
        name: str,
        request: Request,
        **options: Unpack[RouteOptions],
    ) -> Response:
        """Run a request through a service as a channel of this type and name would, in a format if
        given; never raises.
        """
