"""What is not carried over, why, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a type of objects has no counterpart here, and what does what it did."""

    why: str
    instead: str


_ROLES: Final = Reason(
    "Zato permits the verbs of a service to a role, and roles here permit services and channels as a"
    " whole",
    "`hansa role create NAME --services SERVICE --security DEFINITION`, and the channel by hand",
)
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
    "def_sec.tech_acc": Reason(
        "technical accounts send their password in a header of Zato's own, and 3.0 has none",
        "a definition basic, or apikey; callers change their header",
    ),
    "def_sec.tls_channel_sec": Reason(
        "Zato compares headers that its proxy sets; here the server verifies the certificate itself",
        "`hansa security tls create NAME --authorities FILE --subjects SUBJECT`",
    ),
    "def_sec.jwt": Reason(
        "Zato issues its own tokens for a user name and a password; jwt here verifies an issuer's",
        "a definition jwt for an issuer, or basic",
    ),
    "def_sec.vault_conn_sec": Reason(
        "callers are not checked by Vault here", "secrets can be kept there: hansa-vault"
    ),
    "rbac_role": _ROLES,
    "rbac_permission": _ROLES,
    "rbac_client_role": _ROLES,
    "rbac_role_permission": _ROLES,
    "notif_sql": Reason(
        "channel sql passes each row once, by a mark in the query, and not all rows each time",
        "`hansa channel sql create NAME --connection CONNECTION --query ...`, with :mark",
    ),
    "query_cassandra": Reason(
        "it names no definition of Cassandra", "`statements` of outgoing cassandra"
    ),
    "channel_web_socket": Reason(
        "clients of Zato's WebSocket channels speak a protocol of Zato's own over it",
        "`hansa channel websocket create`; clients send plain messages",
    ),
    "web_socket": Reason(
        "clients of Zato's WebSocket channels speak a protocol of Zato's own over it",
        "`hansa channel websocket create`; clients send plain messages",
    ),
    "channel_openapi": Reason(
        "all typed channels are described at /hansa/openapi.json", "its setting `openapi`"
    ),
    "outconn_ldap": Reason(_NO_TYPE, "the library ldap3 in the service"),
    "ldap": Reason(_NO_TYPE, "the library ldap3 in the service"),
    "outconn_mongodb": Reason(_NO_TYPE, "the library pymongo in the service"),
    "mongodb": Reason(_NO_TYPE, "the library pymongo in the service"),
    "outconn_sap": Reason(_NO_TYPE, "its HTTP interface, by outgoing http"),
    "outconn_sftp": Reason(
        "the server's host key must be known here",
        "`hansa outgoing sftp create NAME --known-hosts`",
    ),
    "outconn_wsx": Reason("it speaks Zato's protocol", "outgoing websocket, for plain messages"),
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
            "outgoing_graphql",
        ),
        _OVER_HTTP,
    ),
    **dict.fromkeys(
        (
            "channel_kafka",
            "outgoing_kafka",
            "channel_ibm_mq",
            "outgoing_ibm_mq",
            "outgoing_amqp",
            "outgoing_grpc",
            "grpc",
            "llm",
            "ftp",
            "outgoing_ftp",
            "channel_mllp",
            "outgoing_mllp",
        ),
        Reason(
            "the settings of Zato 4 for it are not known here",
            "create it by its type here, such as `hansa outgoing kafka create`",
        ),
    ),
    **dict.fromkeys(
        (
            "quota_tier",
            "on_prem_gateway",
            "audit_retention",
            "audit_extraction",
            "alert_rules",
            "alert_notifications",
            "channel_as4",
            "outgoing_as4",
            "as2",
            "smb",
            "outgoing_smb",
            "mcp_gateway",
            "rule_engine_api",
            "channel_azure_service_bus",
            "outgoing_azure_service_bus",
            "custom",
        ),
        Reason("there is nothing of the kind here", ""),
    ),
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
