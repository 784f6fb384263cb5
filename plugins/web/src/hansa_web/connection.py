"""Where a cluster is: its URLs, tried in order, and whose certificates are trusted there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hansa_cli.access import recorded_trust, recorded_url
from hansa_cli.location import Trust

from .settings import WebCluster, WebSection, relative_to

THIS_SERVER = "server"
"""The name of the cluster where the configuration names none: that of the server of the folder."""


@dataclass(frozen=True)
class Destination:
    """A cluster: its name, its URLs as of now, and whom to trust over TLS."""

    name: str
    urls: Callable[[], list[str]]
    trust: Callable[[], Trust]


def destinations(section: WebSection, path: Path, directory: Path) -> list[Destination]:
    """Return the clusters of a configuration file, or the server of a folder."""
    if not section.clusters:
        return [_of_server(directory)]
    return [_of_cluster(name, one, path) for name, one in section.clusters.items()]


def _of_cluster(name: str, cluster: WebCluster, path: Path) -> Destination:
    urls = [url.rstrip("/") for url in cluster.urls]
    files = [relative_to(path, cluster.ca)] if cluster.ca else []
    return Destination(name, urls=lambda: urls, trust=lambda: Trust(tuple(files)))


def _of_server(directory: Path) -> Destination:
    """Return the server of a folder, which records its address when it runs."""

    def urls() -> list[str]:
        return _present([recorded_url(directory)])

    def trust() -> Trust:
        return Trust(recorded_trust(directory), only=True)

    return Destination(THIS_SERVER, urls, trust)


def _present(urls: Iterable[str | None]) -> list[str]:
    return [url.rstrip("/") for url in urls if url]
