"""The sections of config.toml that core itself declares."""

from __future__ import annotations

from typing import Annotated, Literal

from ..settings.model import Model, Secret, setting

NAME_PATTERN = r"^[A-Za-z0-9_.-]{1,64}$"
LEVEL_PATTERN = "^(DEBUG|INFO|WARNING|ERROR)$"


class ServerSection(Model):
    """The server itself: `[server]`."""

    name: Annotated[
        str, setting("Name of this server, unique in its cluster", pattern=NAME_PATTERN)
    ] = "server1"
    cluster: Annotated[
        str, setting("Name of the cluster that the server belongs to", pattern=NAME_PATTERN)
    ] = "hansa"
    workers: Annotated[int, setting("Number of worker processes", ge=1, le=64)] = 2
    dir: Annotated[
        str,
        setting("Directory for everything this server writes, relative to the configuration file"),
    ] = "var"
    grace: Annotated[
        float,
        setting("Seconds that running requests get to finish when a worker ends", ge=0, le=3600),
    ] = 30.0
    call_limit: Annotated[
        float,
        setting(
            "Seconds after which a call of a service that still runs is logged, with its stack; "
            "0 for never",
            ge=0,
            le=86400,
        ),
    ] = 60.0
    loop_limit: Annotated[
        float,
        setting(
            "Seconds for which a service of the form `async def` may keep the event loop of its worker "
            "to itself before that is logged, with its stack; 0 for any time",
            ge=0,
            le=86400,
        ),
    ] = 0.25
    start_limit: Annotated[
        float,
        setting(
            "Seconds after which the start of a definition that has not returned is logged, with "
            "its stack, and its state says so, and a plugin whose start has not returned is "
            "quarantined; 0 for never",
            ge=0,
            le=86400,
        ),
    ] = 30.0
    trial_timeout: Annotated[
        float,
        setting("Maximum seconds that the trial import of a deployment may take", gt=0, le=300),
    ] = 10.0
    trial_memory: Annotated[
        int,
        setting(
            "Maximum memory that the trial import of a deployment may use, in MiB", ge=64, le=2**20
        ),
    ] = 1024
    worker_memory: Annotated[
        int,
        setting(
            "Memory of a worker in MiB over which another takes its place, which loses no request; "
            "0 for no limit",
            ge=0,
            le=2**24,
        ),
    ] = 0
    say: Annotated[
        list[str],
        setting("Lines to print once the server is ready; {http} is the address of its listener"),
    ] = []
    secret_key: Annotated[
        Secret | None,
        setting(
            "Key that encrypts secrets in the operational database; "
            "by default the server keeps one in the file secret.key",
            advanced=True,
        ),
    ] = None


class OdbSection(Model):
    """The operational database (ODB), which holds definitions, service sources and the change log:
    `[odb]`.
    """

    url: Annotated[
        Secret | None,
        setting(
            "SQLAlchemy URL of the database; by default an SQLite file in the server's directory",
            example="postgresql://user:pw@db/hansa",
        ),
    ] = None


class PluginsSection(Model):
    """Which plugins are loaded: `[plugins]`."""

    enabled: Annotated[
        list[str] | None,
        setting("Load only these plugins; by default all that are installed"),
    ] = None
    blocked: Annotated[list[str], setting("Never load these plugins")] = []


class LogSection(Model):
    """What is logged: `[log]`."""

    level: Annotated[str, setting("Minimum log level", pattern=LEVEL_PATTERN)] = "INFO"
    format: Annotated[
        Literal["text", "json"], setting("Format of server.log: plain text, or JSON objects")
    ] = "text"
    max_size: Annotated[
        int, setting("Size in bytes at which a log file is rotated to FILE.1", ge=1)
    ] = 2**26
    kept: Annotated[int, setting("Number of rotated files to keep", ge=1, le=1000)] = 10


class ServicesSection(Model):
    """Service sources that come with this configuration: `[services]`."""

    files: Annotated[
        list[str],
        setting("Python files to deploy at start, relative to the configuration file"),
    ] = []


CORE_SECTIONS: dict[str, type[Model]] = {
    "server": ServerSection,
    "odb": OdbSection,
    "plugins": PluginsSection,
    "log": LogSection,
    "services": ServicesSection,
}
