"""The tables of `zato.common.odb.model` that services read, as far as Hansa has what is in them."""

from __future__ import annotations

import datetime
from typing import Final

from sqlalchemy import ForeignKey, Text, case
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

WITH_CLASSES: Final = ("basic_auth", "apikey", "wss", "jwt", "oauth")
"""The types of security definitions that have a class."""


class Base(DeclarativeBase):
    """What all tables have in common."""


class Row(Base):
    """A number and a name."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


class Cluster(Row):
    """The cluster."""

    __tablename__ = "cluster"


class InCluster(Row):
    """What belongs to the cluster."""

    __abstract__ = True

    is_active: Mapped[bool] = mapped_column(default=True)
    cluster_id: Mapped[int] = mapped_column(ForeignKey("cluster.id"))


class Server(InCluster):
    """The servers whose workers have reported lately."""

    __tablename__ = "server"

    up_status: Mapped[str | None]


class Service(InCluster):
    """Services."""

    __tablename__ = "service"

    impl_name: Mapped[str]
    is_internal: Mapped[bool]


class SecurityBase(InCluster):
    """Security definitions of all types, without their secrets."""

    __tablename__ = "sec_base"

    sec_type: Mapped[str] = mapped_column()
    username: Mapped[str | None]
    realm: Mapped[str | None]

    __mapper_args__ = {
        # types without a class of their own are rows of this one
        "polymorphic_on": case((sec_type.in_(WITH_CLASSES), sec_type), else_=""),
        "polymorphic_identity": "",
    }


class HTTPBasicAuth(SecurityBase):
    """HTTP Basic."""

    __mapper_args__ = {"polymorphic_identity": "basic_auth"}


class APIKeySecurity(SecurityBase):
    """API keys."""

    __mapper_args__ = {"polymorphic_identity": "apikey"}


class WSSDefinition(SecurityBase):
    """WS-Security."""

    __mapper_args__ = {"polymorphic_identity": "wss"}


class JWT(SecurityBase):
    """Tokens."""

    __mapper_args__ = {"polymorphic_identity": "jwt"}


class OAuth(SecurityBase):
    """OAuth 1.0a."""

    __mapper_args__ = {"polymorphic_identity": "oauth"}


class HTTPSOAP(InCluster):
    """Channels and outgoing connections over HTTP, plain or SOAP."""

    __tablename__ = "http_soap"

    connection: Mapped[str]
    transport: Mapped[str]
    is_internal: Mapped[bool]
    host: Mapped[str | None]
    url_path: Mapped[str | None]
    method: Mapped[str | None]
    soap_action: Mapped[str | None]
    soap_version: Mapped[str | None]
    data_format: Mapped[str | None]
    ping_method: Mapped[str | None]
    pool_size: Mapped[int | None]
    timeout: Mapped[float | None]
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    security_id: Mapped[int | None] = mapped_column(ForeignKey("sec_base.id"))
    service: Mapped[Service | None] = relationship()
    security: Mapped[SecurityBase | None] = relationship()


class Job(InCluster):
    """Jobs of the scheduler."""

    __tablename__ = "job"

    job_type: Mapped[str]
    start_date: Mapped[datetime.datetime | None]
    extra: Mapped[str | None] = mapped_column(Text)
    weeks: Mapped[int | None]
    days: Mapped[int | None]
    hours: Mapped[int | None]
    minutes: Mapped[int | None]
    seconds: Mapped[int | None]
    repeats: Mapped[int | None]
    cron_definition: Mapped[str | None]
    service_id: Mapped[int | None] = mapped_column(ForeignKey("service.id"))
    service: Mapped[Service | None] = relationship()


class HostedConnection(InCluster):
    """What most outgoing connections have."""

    __abstract__ = True

    host: Mapped[str | None]
    port: Mapped[int | None]
    username: Mapped[str | None]


class SQLConnectionPool(HostedConnection):
    """Outgoing SQL."""

    __tablename__ = "sql_pool"

    engine: Mapped[str | None]
    db_name: Mapped[str | None]
    pool_size: Mapped[int | None]


class OutgoingFTP(HostedConnection):
    """Outgoing FTP."""

    __tablename__ = "out_ftp"


class OutgoingOdoo(HostedConnection):
    """Outgoing Odoo."""

    __tablename__ = "out_odoo"


class SMTP(HostedConnection):
    """Outgoing mail."""

    __tablename__ = "email_smtp"


class IMAP(HostedConnection):
    """Mailboxes."""

    __tablename__ = "email_imap"
