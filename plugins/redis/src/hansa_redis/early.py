"""The section `[redis]` of config.toml, and the embedded Valkey that the supervisor runs when it
names no address; and the command of the command line.
"""

from __future__ import annotations

from typing import Annotated, Literal

import click
from hansa import Configuration, Engine, Invalid, Model, Secret, hookimpl, setting

from .address import address_fault
from .engine import Valkey


class RedisSection(Model):
    """The Redis or Valkey that the cluster shares: `[redis]`."""

    address: Annotated[
        Secret,
        setting(
            "Address of an external Redis or Valkey (redis://, rediss://, unix://, "
            "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB or "
            "redis+cluster://HOST:PORT,HOST:PORT); if empty, the embedded Valkey is run",
            example="redis://:password@10.0.0.5:6379/0",
        ),
    ] = Secret("")
    durability: Annotated[
        Literal["durable", "fast"],
        setting(
            "What the embedded Valkey keeps when power fails: `durable` writes each change to disk "
            "before it answers, `fast` writes once a second and may lose that second"
        ),
    ] = "durable"
    memory: Annotated[
        int,
        setting(
            "Memory limit of the embedded Valkey in MiB; when it is full, writes are refused and "
            "nothing is dropped",
            ge=16,
        ),
    ] = 256
    program: Annotated[
        str,
        setting(
            "Path of the valkey-server or redis-server to run; if empty, the one that comes with "
            "the plugin",
            advanced=True,
        ),
    ] = ""

    def check(self) -> None:
        """Refuse an address that is not valid; raises `Invalid`."""
        if not self.address:
            return
        fault = address_fault(self.address)
        if fault:
            raise Invalid({"address": fault})


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[redis]`."""
    return {"redis": RedisSection}


@hookimpl
def hansa_engines(config: Configuration) -> list[Engine]:
    """Return the embedded Valkey, unless the section names an address."""
    section = config.section(RedisSection)
    if section.address:
        return []
    valkey = Valkey(
        config.dir,
        durability=section.durability,
        memory=section.memory,
        program=section.program,
    )
    return [valkey]


@hookimpl
def hansa_transient_keys() -> list[str]:
    """Return the leases, which whoever runs takes anew, their fencing tokens being kept; and the mail
    of workers, which have ended.
    """
    return ["lease", "mail"]


@hookimpl
def hansa_commands(commands: click.Group) -> None:
    """Add `hansa redis`."""
    from .commands import redis

    commands.add_command(redis)
