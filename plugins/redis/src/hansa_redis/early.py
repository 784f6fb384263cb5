"""The section `[redis]` of config.toml, and the embedded Valkey that the supervisor runs when it names no address."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from hansa import Configuration, Engine, Invalid, Model, Secret, hookimpl, setting

from .engine import Valkey


class RedisSection(Model):
    """The Redis or Valkey that the cluster shares: `[redis]`."""

    address: Annotated[
        Secret,
        setting(
            "Address of a Redis or Valkey of your own, redis://, rediss:// or unix://; empty runs the embedded Valkey",
            example="redis://:password@10.0.0.5:6379/0",
        ),
    ] = Secret("")
    durability: Annotated[
        Literal["durable", "fast"],
        setting(
            "What the embedded Valkey keeps when power fails: durable writes each change to disk before it answers, "
            "fast writes once a second and may lose that second"
        ),
    ] = "durable"
    memory: Annotated[
        int,
        setting(
            "MiB the embedded Valkey may hold; when full it refuses writes and drops nothing", ge=16
        ),
    ] = 256
    program: Annotated[
        str,
        setting(
            "Path of the valkey-server or redis-server to run; empty takes the one that comes with the plugin",
            advanced=True,
        ),
    ] = ""

    def check(self) -> None:
        """Refuse an address that is none; raises `Invalid`."""
        if not self.address:
            return
        try:
            parts = urlsplit(self.address)
            there = parts.path if parts.scheme == "unix" else parts.hostname
            parts.port  # noqa: B018 - raises for a port that is no number
        except ValueError as error:
            raise Invalid({"address": f"is not an address: {error}"}) from None
        if parts.scheme not in ("redis", "rediss", "unix") or not there:
            raise Invalid(
                {
                    "address": "must look like redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH"
                }
            )


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[redis]`."""
    return {"redis": RedisSection}


@hookimpl
def hansa_engines(config: Configuration) -> list[Engine]:
    """Run the embedded Valkey, unless the section names an address."""
    section = config.section(RedisSection)
    if section.address:
        return []
    return [
        Valkey(
            config.dir,
            durability=section.durability,
            memory=section.memory,
            program=section.program,
        )
    ]
