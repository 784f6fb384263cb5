"""The section `[pickup]` of config.toml."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, hookimpl, setting


class PickupSection(Model):
    """The folders that are watched for services to deploy: `[pickup]`."""

    enabled: Annotated[
        bool, setting("Whether files that are copied into the folders are deployed")
    ] = True
    directory: Annotated[
        str, setting("The folder, relative to the server's; created if it is missing", min_length=1)
    ] = "pickup"
    extra: Annotated[
        list[str],
        setting(
            "More folders, relative to the server's, which must exist, such as a checkout of your services"
        ),
    ] = []
    polling: Annotated[
        bool,
        setting(
            "Poll for changes instead of being notified by the system; needed for network file systems",
            advanced=True,
        ),
    ] = False


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[pickup]`."""
    return {"pickup": PickupSection}
