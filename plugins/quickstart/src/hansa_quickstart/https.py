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
    return [*_authorities(server), server.folder / certificate]


def web_certificates(web_admin: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know a web admin: of
    the cluster's authority, and its own; none if it serves HTTP.

    Raises `Failure`.
    """
    certificate = web_admin.section("web").get("certificate")
    if not certificate:
        return []
    return [*_authorities(web_admin), web_admin.folder / certificate]


def trusted_certificates(balancer: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know a
    load-balancer: of the cluster's authority, and its own; none if it serves HTTP.

    Raises `Failure`.
    """
    section = balancer.section("loadbalancer")
    certificate = section.get("certificate")
    if not certificate or (section.get("https_bind") and not section.get("https_only")):
        return []
    return [*_authorities(balancer), balancer.folder / certificate]


def authority_certificates(authority: Component) -> list[Path]:
    """Return the files with the certificates by which programs of this machine know the authority
    that other hosts ask.
    """
    return [certificate_file(authority.folder)]


def _authorities(component: Component) -> list[Path]:
    """Return where the certificate of the cluster's authority is: beside the component, or, on
    another host than the authority's, in its own folder.
    """
    beside = certificate_file(component.folder.parent / "ca")
    return [beside] if beside.is_file() else [component.folder / "certificates" / "ca-cert.pem"]
