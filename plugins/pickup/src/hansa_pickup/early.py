"""The section `[pickup]` of config.toml."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, hookimpl, setting


class PickupSection(Model):
    """Which folders are watched for services to deploy: `[pickup]`."""

    enabled: Annotated[
        bool, setting("Whether files that are copied into the folders are deployed")
    ] = True
    directory: Annotated[
        str, setting("The folder; relative to the server's; made if it is missing", min_length=1)
    ] = "pickup"
    extra: Annotated[
        list[str],
        setting(
            "More folders, which must exist, such as a checkout of your services; relative to the server's"
        ),
    ] = []
    polling: Annotated[
        bool,
        setting(
            "Look again and again instead of being told by the system, as network file systems need it",
            advanced=True,
        ),
    ] = False


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[pickup]`."""
    return {"pickup": PickupSection}
