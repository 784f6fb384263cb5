"""Fills the tables of `odb.model` with the definitions as they are at the moment, in memory."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from hansa import Misused
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from ..constants import security_type
from ..dialect import lookup
from ..dialect.channel import stable_id
from ..payloads import PlainDict
from . import model

if TYPE_CHECKING:
    from hansa import Server

CLUSTER: Final = 1
_HOSTED: Final[Mapping[tuple[str, str], type[model.HostedConnection]]] = {
    ("outgoing", "sql"): model.SQLConnectionPool,
    ("outgoing", "ftp"): model.OutgoingFTP,
    ("outgoing", "odoo"): model.OutgoingOdoo,
    ("outgoing", "smtp"): model.SMTP,
    ("outgoing", "imap"): model.IMAP,
}
_JOB_TYPES: Final = {"interval": "interval_based", "cron": "cron_style"}
_INTERVAL: Final = ("weeks", "days", "hours", "minutes", "seconds", "repeats")


class ReadOnly(Session):
    """A session on a copy of the definitions: what is added to it goes nowhere, so it is refused."""

    def close(self) -> None:
        """Close it, and forget the copy."""
        super().close()
        engine = self.get_bind().engine
        engine.dispose()


class ConfigurationDatabase:
    """The definitions of the cluster; `session()` has a copy of them as they are then."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def session(self) -> Session:
        """Return a session to be closed, on tables of `zato.common.odb.model`."""
        engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        model.Base.metadata.create_all(engine)
        with Session(engine) as filling:
            filling.add_all(_rows(self._server))
            filling.commit()
        session = ReadOnly(engine)
        event.listen(session, "before_flush", _refuse)
        return session


def _refuse(session: Session, *ignored: object) -> None:
    raise Misused("self.odb is for reading: definitions are changed through the admin API")


def _rows(server: Server) -> Iterable[model.Base]:
    yield model.Cluster(id=CLUSTER, name=server.cluster.name)
    for name in sorted({one.server for one in server.cluster.reports().values()}):
        yield model.Server(id=stable_id(name), name=name, cluster_id=CLUSTER, up_status="running")
    for service in server.registry.services():
        yield model.Service(
            id=stable_id(service.name),
            name=service.name,
            impl_name=lookup.impl_name(service.cls),
            is_internal=service.name.startswith("zato."),
            cluster_id=CLUSTER,
        )
    for record in server.definitions.all():
        found = _row(record.kind, record.type, record.builtin, _plain(record.data))
        if found is not None:
            found.id = stable_id(record.name)
            found.name = record.name
            found.cluster_id = CLUSTER
            found.is_active = record.data.get("active") is not False
            yield found


def _plain(data: PlainDict) -> PlainDict:
    """Return settings without those that come from elsewhere, secrets among them."""
    return {name: value for name, value in data.items() if not isinstance(value, dict)}


def _row(kind: str, type: str, is_builtin: bool, data: PlainDict) -> model.InCluster | None:
    """Return the row of a definition, without what all rows have; None if no table has it."""
    if kind == "security":
        return model.SecurityBase(
            sec_type=security_type(type),
            username=data.get("username"),
            realm=data.get("realm"),
        )
    if type in ("http", "soap"):
        return _http(kind, type, is_builtin, data)
    if (kind, type) == ("channel", "schedule"):
        return _job(data)
    cls = _HOSTED.get((kind, type))
    if cls is None:
        return None
    found = cls(host=data.get("host"), port=data.get("port"), username=data.get("username"))
    if isinstance(found, model.SQLConnectionPool):
        found.engine = data.get("engine")
        found.db_name = data.get("database")
        found.pool_size = data.get("max_connections")
    return found


def _http(kind: str, type: str, is_builtin: bool, data: PlainDict) -> model.HTTPSOAP:
    security = data.get("security")
    service = data.get("service")
    soap_version = data.get("soap_version")
    return model.HTTPSOAP(
        connection=kind,
        transport="soap" if type == "soap" else "plain_http",
        is_internal=is_builtin,
        host=data.get("address"),
        url_path=data.get("url_path"),
        method=data.get("method"),
        soap_action=data.get("soap_action"),
        soap_version=None if soap_version is None else str(soap_version),
        data_format=data.get("format"),
        ping_method=data.get("ping_method"),
        pool_size=data.get("pool_size"),
        timeout=data.get("timeout"),
        service_id=stable_id(service) if service else None,
        security_id=stable_id(security) if isinstance(security, str) else None,
    )


def _job(data: PlainDict) -> model.Job:
    job_type = data.get("job_type", "")
    start = data.get("start")
    return model.Job(
        job_type=_JOB_TYPES.get(job_type, job_type),
        start_date=datetime.datetime.fromisoformat(start) if start else None,
        extra=data.get("payload"),
        cron_definition=data.get("cron"),
        service_id=stable_id(data.get("service", "")),
        **{name: data.get(name) for name in _INTERVAL},
    )
