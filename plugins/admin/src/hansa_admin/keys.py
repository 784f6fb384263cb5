"""The admin services of the cluster's key: `admin.key.{list,use}`."""

from __future__ import annotations

from typing import Annotated

from hansa import Holder, Model, WorkerReport, name_lease, setting

from .cluster import NO_LEASE, ClusterOperation


class ServerKeys(Model):
    """The keys of a server."""

    name: Annotated[str, setting("Name of the server")]
    host: Annotated[str, setting("Host it runs on; empty if unknown")]
    file: Annotated[
        str, setting("Path of its file secret.key; empty if its key is in its configuration")
    ]
    keys: Annotated[
        list[str],
        setting(
            "Fingerprints of the keys that all of its workers hold, in the order of the file; the "
            "last one is the oldest"
        ),
    ]


class ClusterKeys(Model):
    """The key that the cluster uses, and the keys that its servers hold."""

    current: Annotated[
        str, setting("Fingerprint of the key that encrypts and signs what is stored")
    ]
    servers: Annotated[list[ServerKeys], setting("The servers that run, by name")]


class Fingerprint(Model):
    """A key, by its fingerprint."""

    fingerprint: Annotated[
        str, setting("Fingerprint of a key that all workers hold", pattern="^[0-9a-f]{64}$")
    ]


class KeyUse(Model):
    """The workers that use the key."""

    current: Annotated[str, setting("Fingerprint of the key that is used now")]
    revision: Annotated[int, setting("Revision by which workers learn of it")]
    pending: Annotated[list[str], setting("Workers that have not learned of it yet")]


class ListKeys(ClusterOperation):
    """Show by fingerprints which key encrypts the cluster's secrets, and which servers hold."""

    name = "admin.key.list"
    right = "view"
    Output = ClusterKeys

    def handle(self) -> ClusterKeys:
        """Return them, as workers have reported them; no key is shown."""
        found = self.look()
        by_server: dict[str, list[WorkerReport]] = {}
        for report in found.reports.values():
            by_server.setdefault(report.server, []).append(report)
        servers = []
        for name, reports in sorted(by_server.items()):
            holder = Holder.read(found.leases.get(name_lease(name), NO_LEASE).holder)
            servers.append(
                ServerKeys(
                    name=name,
                    host=holder.host if holder else "",
                    file=next((report.keys.file for report in reports if report.keys), ""),
                    keys=_held_by_all(reports),
                )
            )
        return ClusterKeys(current=self.server.cluster.current_key(), servers=servers)


class UseKey(ClusterOperation):
    """Encrypt what is stored anew with another key, which all workers hold, and use that."""

    name = "admin.key.use"
    final = "always"
    Input = Fingerprint
    Output = KeyUse

    def handle(self) -> KeyUse:
        """Do so in one transaction; refused while a worker does not hold the key."""
        fingerprint = self.request.input.fingerprint
        self.log.warning("%s has the key %s used", self.caller or "somebody", fingerprint[:12])
        applied = self.server.cluster.use_key(fingerprint, by=self.caller)
        return KeyUse(current=fingerprint, revision=applied.revision, pending=applied.pending)


def _held_by_all(reports: list[WorkerReport]) -> list[str]:
    """Return the keys that all of these workers hold; none if one does not report its keys."""
    held = [report.keys.fingerprints if report.keys else [] for report in reports]
    return [key for key in held[0] if all(key in keys for keys in held)]


OPERATIONS: tuple[type[ClusterOperation], ...] = (ListKeys, UseKey)
