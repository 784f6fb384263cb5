"""How a cluster is shown to people, so that nobody takes one for another: `[cluster]`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from hansa import Model, Server, setting

Colour: TypeAlias = Literal[
    "",
    "red",
    "orange",
    "green",
    "teal",
    "blue",
    "violet",
    "pink",
    "brown",
    "grey",
    "black",
]


class ClusterSection(Model):
    """How the cluster is shown to people: `[cluster]`; the same in the files of all its servers."""

    label: Annotated[
        str,
        setting(
            "Short text by which people know the cluster; by default its name",
            example="PROD",
            max_length=40,
        ),
    ] = ""
    colour: Annotated[
        Colour, setting("Colour in which its pages are marked; empty for none", example="red")
    ] = ""
    production: Annotated[
        bool, setting("Whether its pages warn that it is the one that others rely on")
    ] = False


class ClusterAppearance(Model):
    """How a cluster is shown to people."""

    name: Annotated[str, setting("Name of the cluster")]
    label: Annotated[str, setting("Short text by which people know it")]
    colour: Annotated[str, setting("Colour in which its pages are marked; empty for none")]
    production: Annotated[bool, setting("Whether it is the one that others rely on")]


def appearance_of(server: Server) -> ClusterAppearance:
    """Return how the cluster is shown, by the configuration of this server."""
    section = server.section(ClusterSection)
    name = server.cluster.name
    return ClusterAppearance(
        name=name,
        label=section.label or name,
        colour=section.colour,
        production=section.production,
    )
