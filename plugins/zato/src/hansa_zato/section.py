"""The section `[zato]` of config.toml."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Literal

from hansa import Model, Secret, setting

if TYPE_CHECKING:
    from hansa import Server

Profile = Literal["2.0", "3.x"]
"""A generation of Zato whose rules a service follows."""


class ZatoSection(Model):
    """How services of the Zato dialect behave."""

    profile: Annotated[
        Literal["auto", "2.0", "3.x"],
        setting(
            "Generation of Zato whose rules services follow; auto is 3.x where input or output is "
            "declared in the style of 3.x, else 2.0"
        ),
    ] = "auto"
    python2_names: Annotated[
        bool,
        setting(
            "Whether sources that import zato, or what only Python 2 has, find its modules and "
            "built-in names, such as urllib2 and unicode"
        ),
    ] = True
    user_config: Annotated[
        dict[str, str],
        setting(
            "INI files that services read as self.user_config.NAME; "
            "paths are relative to the server's directory"
        ),
    ] = field(default_factory=dict)
    startup_services_first_worker: Annotated[
        dict[str, str],
        setting(
            "Services that the first worker calls once as it starts, each with its payload: a text, "
            "or file://PATH relative to the server's directory"
        ),
    ] = field(default_factory=dict)
    startup_services_any_worker: Annotated[
        dict[str, str], setting("Services that each worker calls once as it starts")
    ] = field(default_factory=dict)
    invoke_targets: Annotated[
        list[str],
        setting(
            "Labels for which this server takes calls of NAME@LABEL, as patterns such as eu-*; its "
            "own name always is one"
        ),
    ] = field(default_factory=list)
    static_dir: Annotated[
        str,
        setting(
            "Folder whose files services read as self.static_config; relative to the server's "
            "directory"
        ),
    ] = "config/repo/static"
    schema_dir: Annotated[
        str,
        setting(
            "Folder of the JSON Schemas that services name as schema; relative to the server's "
            "directory"
        ),
    ] = "config/repo/schema/json"
    commands: Annotated[
        Literal["off", "programs", "shell"],
        setting(
            "What services run by self.commands: nothing, programs with their arguments, or command "
            "lines of a shell, in which texts of callers may be commands"
        ),
    ] = "off"
    commands_output: Annotated[
        int, setting("Bytes of output at which a program is ended", ge=1, le=1_073_741_824)
    ] = 10_485_760
    lua_dir: Annotated[
        str,
        setting("Folder of the scripts of self.kvdb.run_lua; relative to the server's directory"),
    ] = "config/repo/lua/user"
    crypto_key: Annotated[
        Secret | None,
        setting(
            "Key by which self.crypto encrypts, 32 random bytes in URL-safe Base64, such as that of "
            "Zato's servers; several with commas decrypt, too; by default one made of the server's"
        ),
    ] = None
    pubsub_security: Annotated[
        list[str],
        setting(
            "Security definitions of callers that publish and subscribe at /zato/pubsub, of which "
            "any one will do; without any, there are no such addresses",
            refers="security",
        ),
    ] = field(default_factory=list)
    cache_security: Annotated[
        str,
        setting(
            "Security definition of callers that read and change caches at /zato/cache; without it, "
            "there are no such addresses",
            refers="security",
        ),
    ] = ""


def profile_of(server: Server) -> str:
    """Return the profile that the configuration asks for."""
    return server.section(ZatoSection).profile
