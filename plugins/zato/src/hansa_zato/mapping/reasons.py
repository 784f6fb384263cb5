"""What is not carried over, why, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a type of objects has no counterpart here, and what does what it did."""

    why: str
    instead: str


_PUBSUB: Final = Reason(
    "subscriptions here belong to a security definition, and Zato 3 has endpoints between them",
    "`hansa subscription create NAME --topic TOPIC --security DEFINITION`, and `publishers` and"
    " `subscribers` of topics",
)
_NO_TYPE: Final = "there is no connection of this type here"
_OVER_HTTP: Final = Reason(
    f"{_NO_TYPE}", "an outgoing connection http to its API, with a security definition"
)

NOT_CARRIED: Final[dict[str, Reason]] = {
    "def_sec.tls_channel_sec": Reason(
        "Zato compares headers that its proxy sets; here the server verifies the certificate itself",
        "`hansa security tls create NAME --authorities FILE --subjects SUBJECT`",
    ),
    "def_sec.vault_conn_sec": Reason(
        "callers are not checked by Vault here", "secrets can be kept there: hansa-vault"
    ),
    "notif_sql": Reason(
        "channel sql passes each row once, by a mark in the query, and not all rows each time",
        "`hansa channel sql create NAME --connection CONNECTION --query ...`, with :mark",
    ),
    "query_cassandra": Reason(
        "it names no definition of Cassandra", "`statements` of outgoing cassandra"
    ),
    "channel_openapi": Reason(
        "all typed channels are described at /hansa/openapi.json", "its setting `openapi`"
    ),
    "outconn_ldap": Reason(_NO_TYPE, "the library ldap3 in the service"),
    "ldap": Reason(_NO_TYPE, "the library ldap3 in the service"),
    "outconn_mongodb": Reason(_NO_TYPE, "the library pymongo in the service"),
    "mongodb": Reason(_NO_TYPE, "the library pymongo in the service"),
    "outconn_sap": Reason(_NO_TYPE, "its HTTP interface, by outgoing http"),
    **dict.fromkeys(
        (
            "sms_twilio",
            "outgoing_sms",
            "channel_sms",
            "confluence",
            "jira",
            "microsoft_365",
            "microsoft_cloud",
            "microsoft_fabric",
            "microsoft_power_automate",
            "microsoft_teams",
            "chat_microsoft_teams",
            "salesforce",
            "dropbox",
            "slack",
            "chat_slack",
            "discord",
            "chat_discord",
            "telegram",
            "odata",
            "outgoing_odata",
            "outgoing_fhir",
        ),
        _OVER_HTTP,
    ),
    **{
        key: Reason("the settings of Zato 4 for it are not known here", f"`hansa {type} create`")
        for key, type in {
            "channel_kafka": "channel kafka",
            "outgoing_kafka": "outgoing kafka",
            "channel_ibm_mq": "channel ibmmq",
            "outgoing_ibm_mq": "outgoing ibmmq",
            "outgoing_amqp": "outgoing amqp",
            "outgoing_grpc": "outgoing grpc",
            "grpc": "outgoing grpc",
            "llm": "outgoing llm",
            "ftp": "outgoing ftp",
            "outgoing_ftp": "outgoing ftp",
            "channel_mllp": "channel mllp",
            "outgoing_mllp": "outgoing mllp",
        }.items()
    },
    "outgoing_graphql": Reason(
        "there is no connection of this type here", "`hansa outgoing http create`, queries as JSON"
    ),
    "quota_tier": Reason("there are no tiers", "`limits.rate_per_account` of each channel"),
    "on_prem_gateway": Reason(
        "there is no gateway of its own", "a server of the cluster where the other systems are"
    ),
    **dict.fromkeys(
        ("audit_retention", "audit_extraction"),
        Reason("hansa-audit has settings of its own, in config.toml", "the section `[audit]`"),
    ),
    **dict.fromkeys(
        ("alert_rules", "alert_notifications"),
        Reason("nothing here sends alerts", "rules of Prometheus, over the metrics of hansa-stats"),
    ),
    **dict.fromkeys(
        ("channel_as4", "outgoing_as4", "as2"),
        Reason("neither AS2 nor AS4 is spoken", "a gateway that does, and channel file behind it"),
    ),
    **dict.fromkeys(
        ("smb", "outgoing_smb"),
        Reason("SMB is not spoken", "the share as a mounted folder: channel and outgoing file"),
    ),
    **dict.fromkeys(
        ("channel_azure_service_bus", "outgoing_azure_service_bus"),
        Reason(
            "there is no connection of this type here",
            "AMQP 1.0, which it speaks, by hansa-jms; not tried with it",
        ),
    ),
    "mcp_gateway": Reason("the Model Context Protocol is not spoken", "channels http for tools"),
    "rule_engine_api": Reason("there is no engine for rules", "a library for rules in a service"),
    "custom": Reason("it has what an installation made of it", "a plugin: docs/plugins.md"),
    "vault_connection": Reason("secrets are looked up by reference", "hansa-vault"),
    "cache_memcached": Reason("there is no Memcached here", "a cache of hansa-cache, in Redis"),
    "channel_file_transfer": Reason(
        "it names folders and services in a form of its own", "channel file, ftp or sftp"
    ),
    "channel_json_rpc": Reason("there is no JSON-RPC here", "a channel http for each method"),
    "channel_hl7_mllp": Reason("its settings differ", "`hansa channel mllp create`"),
    "outconn_hl7_mllp": Reason("its settings differ", "`hansa outgoing mllp create`"),
    "pubsub_endpoint": _PUBSUB,
    "pubsub_sub": _PUBSUB,
}
"""Types of Zato's objects that have no counterpart, by their key in files."""

DELETED: Final = Reason(
    "it is marked should_delete, and an import deletes nothing", "`hansa KIND TYPE delete NAME`"
)
"""Why objects are left out that a file of Zato 4 wants deleted."""

BUILT_IN: Final = Reason(
    "it belongs to Zato itself", "statistics, pings and cleaning up need no jobs here"
)
"""Why objects of Zato's own are left out, such as its jobs for statistics."""
