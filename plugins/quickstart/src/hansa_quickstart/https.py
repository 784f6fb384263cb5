"""The certificates of a cluster whose load-balancer speaks HTTPS."""

from __future__ import annotations

from pathlib import Path

from hansa_authority.authority import certificate_file

from .component import Component


def trusted_certificates(balancer: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know a
    load-balancer: of the cluster's authority, and its own; none if it speaks HTTP.

    Raises `Failure`.
    """
    certificate = balancer.section("loadbalancer").get("certificate")
    if not certificate:
        return []
    return [certificate_file(balancer.folder.parent / "ca"), balancer.folder / certificate]
