"""Whether the load-balancer, a server or the web admin of a cluster speaks HTTPS where programs of
this machine reach it, and its certificates.
"""

from __future__ import annotations

from pathlib import Path

from hansa_authority.authority import certificate_file

from .component import Component


def server_certificates(server: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know a server: of
    the cluster's authority, and its own; none if it serves HTTP.

    Raises `Failure`.
    """
    certificate = server.section("http").get("certificate")
    if not certificate:
        return []
    return [certificate_file(server.folder.parent / "ca"), server.folder / certificate]


def web_certificates(web_admin: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know a web admin: of
    the cluster's authority, and its own; none if it serves HTTP.

    Raises `Failure`.
    """
    certificate = web_admin.section("web").get("certificate")
    if not certificate:
        return []
    return [certificate_file(web_admin.folder.parent / "ca"), web_admin.folder / certificate]


def trusted_certificates(balancer: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know a
    load-balancer: of the cluster's authority, and its own; none if it serves HTTP.

    Raises `Failure`.
    """
    section = balancer.section("loadbalancer")
    certificate = section.get("certificate")
    if not certificate or (section.get("https_bind") and not section.get("https_only")):
        return []
    return [certificate_file(balancer.folder.parent / "ca"), balancer.folder / certificate]
