"""Channels, outgoing connections, clouds, e-mail, search and expressions: `zato.channel.*`,
`zato.outgoing.*` and so on.
"""

from __future__ import annotations

from typing import Final

from ...mapping import MAPPINGS
from ..call import Call
from ..crud import CRUD, Action, ObjectType, declared
from ..declaration import Declared, missing
from ..reasons import not_carried

_BY_KEY: Final = {mapping.zato: mapping for mapping in MAPPINGS}
PASSWORD: Final[tuple[Action, ...]] = (*CRUD, "change-password")
PING: Final[tuple[Action, ...]] = (*CRUD, "change-password", "ping")
INLINE: Final = "it takes the settings of its definition itself, in place of def_id"


def of(prefix: str, key: str, actions: tuple[Action, ...] = CRUD, differs: str = "") -> ObjectType:
    """Return the type of objects whose key in files is this."""
    return ObjectType(f"zato.{prefix}", (_BY_KEY[key],), actions, differs=differs)


TYPES: Final = (
    of("channel.amqp", "channel_amqp", differs=INLINE),
    of("channel.jms-wmq", "channel_jms_wmq", differs=INLINE),
    of("channel.zmq", "channel_zmq"),
    of("outgoing.amqp", "outconn_amqp", differs=INLINE),
    of("outgoing.jms-wmq", "outconn_jms_wmq", differs=INLINE),
    of("outgoing.zmq", "outconn_zmq"),
    of("outgoing.ftp", "outconn_ftp", PASSWORD),
    of("outgoing.odoo", "outconn_odoo", PING),
    of("outgoing.sql", "outconn_sql", PING),
    of("definition.cassandra", "def_cassandra", PASSWORD),
    of("cloud.aws.s3", "cloud_aws_s3"),
    of("cloud.openstack.swift", "def_cloud_openstack_swift"),
    of("notif.cloud.openstack.swift", "notif_cloud_openstack_swift", differs=INLINE),
    of("email.smtp", "email_smtp", PING),
    of("email.imap", "email_imap", PING),
    of("search.es", "search_es"),
    of("search.solr", "search_solr"),
    of("message.namespace", "def_namespace"),
    of("message.xpath", "xpath"),
    of("message.json-pointer", "json_pointer"),
)
"""Types with a mapping of their own."""

DEFINITIONS: Final = "each channel and each outgoing connection says itself where it connects to"


def nothing(call: Call) -> None:
    """Do nothing: connections are looked after by themselves."""


SERVICES: Final = (
    *declared(TYPES),
    Declared(
        "zato.outgoing.sql.auto-ping",
        nothing,
        differs="it does nothing, as connections are tried when they are taken from the pool",
    ),
    *missing(
        DEFINITIONS,
        *(f"zato.definition.amqp.{one}" for one in (*CRUD, "get-by-id", "change-password")),
        *(f"zato.definition.jms-wmq.{one}" for one in (*CRUD, "get-by-id")),
    ),
    *not_carried("notif_sql", "zato.notif.sql", CRUD),
    *not_carried("query_cassandra", "zato.query.cassandra", CRUD),
)
