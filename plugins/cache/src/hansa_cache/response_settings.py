"""The section `response_cache` that this plugin adds to channels over HTTP."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting

from .settings import LONGEST_EXPIRY


class ResponseCache(Model):
    """Which answers of a channel over HTTP are kept in a cache and given again; none unless it names
    one.
    """

    __beside__ = "url_path"

    cache: Annotated[
        str,
        setting(
            "Cache that keeps the answers, and gives them again to the same request; empty for none",
            refers="data cache",
            example="rates",
        ),
    ] = ""
    expiry: Annotated[
        float,
        setting(
            "Seconds for which an answer is kept; 0 for the default_expiry of the cache",
            ge=0,
            le=LONGEST_EXPIRY,
        ),
    ] = 0.0
    methods: Annotated[
        list[str],
        setting("HTTP methods whose answers are kept", min_length=1, advanced=True),
    ] = ["GET", "HEAD"]
    headers: Annotated[
        list[str],
        setting(
            "Headers of the request that the answer depends on, such as Accept-Language: each value "
            "has an answer of its own",
            max_length=20,
            advanced=True,
        ),
    ] = []
    per_caller: Annotated[
        bool,
        setting(
            "Whether each caller has answers of its own; off only where the answer is the same for "
            "all who may call",
            advanced=True,
        ),
    ] = True
