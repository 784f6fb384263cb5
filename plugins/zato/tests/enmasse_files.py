"""One configuration of Zato in the three forms of its files, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

SERVICES = '''
"""Services as they were written for Zato."""
from zato.server.service import Service


class GetRate(Service):
    name = "rates.get-rate"

    class SimpleIO:
        input_required = ("day",)
        output_required = ("rate", "day")

    def handle(self):
        self.response.payload.day = self.request.input.day
        self.response.payload.rate = "1.22"


class Note(Service):
    name = "rates.note"

    def handle(self):
        self.logger.info(self.request.payload)
'''

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4DUVWHpr8IsTAiVPlNs0FldGKb72a8SThPfZygZrMM"
"""The public key of no host."""

VARIABLES = {
    "SECURITY_BASIC_PARTNER_PASSWORD": "bridge-over-the-river-7",
    "SECURITY_BASIC_TECHNICIAN_PASSWORD": "technicians-of-the-house-1",
    "SECURITY_APIKEY_TILL_KEY": "5d1f2c7be0a94a0f9b0d6f3fe0c1b8a7",
    "SECURITY_WSS_ENVELOPES_PASSWORD": "envelopes-are-sealed-12",
    "SECURITY_OAUTH1_CONSUMER_CONSUMER_SECRET": "consumed-by-nobody-33",
    "SECURITY_XPATH_INSIDE_PASSWORD": "inside-of-the-message-4",
    "SECURITY_NTLM_WINDOWS_PASSWORD": "windows-have-panes-55",
    "SECURITY_AWS_BUCKETS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
    "SECURITY_BASIC_ODOO_ERP_PASSWORD": "erp-of-the-house-90",
    "OUTGOING_AMQP_EVENTS_PASSWORD": "rabbit-in-the-hole-2",
    "CHANNEL_AMQP_ORDERS_PASSWORD": "rabbit-in-the-hole-2",
    "OUTGOING_FTP_FILES_PASSWORD": "files-of-the-house-8",
    "OUTGOING_SFTP_DROP_KNOWN_HOSTS": HOST_KEY,
    "OUTGOING_SFTP_DROP_PASSWORD": "files-of-the-house-9",
    "OUTGOING_SMTP_MAIL_PASSWORD": "mail-of-the-house-81",
    "OUTGOING_IMAP_INBOX_PASSWORD": "mail-of-the-house-82",
    "OUTGOING_SQL_CRM_PASSWORD": "customers-are-kings-1",
    "OUTGOING_CASSANDRA_RING_PASSWORD": "ring-of-the-house-6",
    "OUTGOING_SWIFT_OBJECTS_PASSWORD": "objects-of-the-house-3",
    "CHANNEL_SWIFT_NEW_OBJECTS_PASSWORD": "objects-of-the-house-3",
}
"""The secrets that files of 2.0 do not have."""


def channel(number: int) -> dict[str, Any]:
    """A channel as files of 2.0 have it."""
    return {
        "name": f"rates-{number}",
        "is_active": True,
        "url_path": f"/rates/{number}/{{day}}",
        "method": "POST" if number % 2 else "GET",
        "service": "rates.get-rate",
        "sec_def": "partner" if number % 2 else "zato-no-security",
        "data_format": "json",
        "merge_url_params_req": True,
        "url_params_pri": "path-over-qs",
        "params_pri": "channel-params-over-msg",
        "has_rbac": False,
    }


def of_2_0(channels: int = 3) -> dict[str, list[Any]]:
    """A configuration as enmasse of 2.0 exports it: nearly every type, and no passwords."""
    return {
        "def_sec": [
            {
                "type": "basic_auth",
                "name": "partner",
                "username": "ada",
                "realm": "Rates",
                "is_active": True,
            },
            {"type": "apikey", "name": "till", "username": "X-Till-Key", "is_active": True},
            {
                "type": "wss",
                "name": "envelopes",
                "username": "bob",
                "password_type": "clear_text",
                "reject_empty_nonce_creat": True,
                "reject_stale_tokens": True,
                "reject_expiry_limit": 3600,
                "nonce_freshness_time": 3600,
                "is_active": True,
            },
            {
                "type": "oauth",
                "name": "consumer",
                "username": "consumer",
                "proto_version": "1.0",
                "sig_method": "HMAC-SHA1",
                "max_nonce_log": 25000,
                "is_active": True,
            },
            {
                "type": "xpath_sec",
                "name": "inside",
                "username": "carl",
                "username_expr": "//user",
                "password_expr": "//password",
                "is_active": True,
            },
            {"type": "ntlm", "name": "windows", "username": "HOUSE\\dora", "is_active": True},
            {
                "type": "aws",
                "name": "buckets",
                "username": "AKIAIOSFODNN7EXAMPLE",
                "is_active": True,
            },
            {"type": "tech_acc", "name": "technician", "is_active": True},
            {"type": "tls_channel_sec", "name": "proxy", "is_active": True, "value": "CN=a"},
        ],
        "def_amqp": [
            {
                "name": "rabbit",
                "host": "127.0.0.1",
                "port": 5672,
                "vhost": "/",
                "username": "eve",
                "frame_max": 131072,
                "heartbeat": 30,
            },
        ],
        "def_jms_wmq": [
            {
                "name": "mq",
                "host": "127.0.0.1",
                "port": 1414,
                "channel": "DEV.SVRCONN",
                "queue_manager": "QM1",
                "cache_open_send_queues": True,
                "cache_open_receive_queues": True,
                "use_shared_connections": True,
                "ssl": False,
                "needs_mcd": True,
                "max_chars_printed": 100,
            },
        ],
        "def_cassandra": [
            {
                "name": "ring",
                "is_active": False,
                "contact_points": "127.0.0.1\n127.0.0.2",
                "port": 9042,
                "exec_size": 2,
                "proto_version": 4,
                "default_keyspace": "house",
                "username": "fay",
            },
        ],
        "query_cassandra": [
            {
                "name": "by-day",
                "is_active": True,
                "def_name": "ring",
                "value": "SELECT rate FROM rates WHERE day = :day",
            },
        ],
        "def_cloud_openstack_swift": [
            {
                "name": "objects",
                "is_active": False,
                "auth_url": "http://127.0.0.1:8080/auth/v1.0",
                "auth_version": "1",
                "user": "test:tester",
                "retries": 5,
                "pool_size": 5,
            },
        ],
        "notif_cloud_openstack_swift": [
            {
                "name": "new-objects",
                "is_active": False,
                "def_name": "objects",
                "containers": "in\nout",
                "interval": 5,
                "name_pattern": "*.csv",
                "name_pattern_neg": False,
                "get_data": True,
                "service_name": "rates.note",
            },
        ],
        "channel_plain_http": [channel(number) for number in range(channels)],
        "channel_soap": [
            {
                "name": "rates-soap",
                "is_active": True,
                "url_path": "/rates.soap",
                "soap_action": "get-rate",
                "soap_version": "1.1",
                "service": "rates.get-rate",
                "sec_def": "zato-no-security",
                "method": "",
                "data_format": "xml",
                "merge_url_params_req": True,
                "url_params_pri": "qs-over-path",
                "params_pri": "channel-params-over-msg",
            },
        ],
        "channel_amqp": [
            {
                "name": "orders",
                "is_active": False,
                "def_name": "rabbit",
                "queue": "orders",
                "consumer_tag_prefix": "house",
                "service_name": "rates.note",
                "data_format": "json",
            },
        ],
        "channel_jms_wmq": [
            {
                "name": "old-orders",
                "is_active": False,
                "def_name": "mq",
                "queue": "DEV.QUEUE.1",
                "service_name": "rates.note",
                "data_format": None,
            },
        ],
        "channel_zmq": [
            {
                "name": "ticks",
                "is_active": False,
                "address": "tcp://127.0.0.1:37047",
                "socket_type": "SUB",
                "sub_key": "tick",
                "service_name": "rates.note",
                "data_format": None,
            },
        ],
        "outconn_plain_http": [
            {
                "name": "bank",
                "is_active": True,
                "host": "http://127.0.0.1:37048",
                "url_path": "/rates/{day}",
                "method": "",
                "sec_def": "partner",
                "ping_method": "HEAD",
                "pool_size": 5,
                "timeout": "30",
                "data_format": "json",
            },
        ],
        "outconn_soap": [
            {
                "name": "bank-soap",
                "is_active": True,
                "host": "http://127.0.0.1:37048",
                "url_path": "/soap",
                "soap_action": "rate",
                "soap_version": "1.1",
                "sec_def": "zato-no-security",
                "ping_method": "HEAD",
                "pool_size": 20,
                "timeout": 10,
                "serialization_type": "string",
            },
        ],
        "outconn_amqp": [
            {
                "name": "events",
                "is_active": False,
                "def_name": "rabbit",
                "delivery_mode": 2,
                "priority": 5,
                "content_type": "text/plain",
                "app_id": "house",
            },
        ],
        "outconn_jms_wmq": [
            {
                "name": "old-events",
                "is_active": False,
                "def_name": "mq",
                "delivery_mode": 2,
                "priority": 5,
                "expiration": 0,
            },
        ],
        "outconn_zmq": [
            {
                "name": "tocks",
                "is_active": False,
                "address": "tcp://127.0.0.1:37049",
                "socket_type": "PUSH",
            },
        ],
        "outconn_ftp": [
            {
                "name": "files",
                "is_active": False,
                "host": "127.0.0.1",
                "port": 2121,
                "user": "gil",
                "acct": "",
                "timeout": 120,
                "dircache": False,
                "use_ftps": True,
            },
        ],
        "outconn_sql": [
            {
                "name": "crm",
                "is_active": False,
                "engine": "postgresql",
                "host": "127.0.0.1",
                "port": 5432,
                "db_name": "crm",
                "username": "hal",
                "pool_size": 3,
                "extra": "application_name=house",
            },
        ],
        "outconn_odoo": [
            {
                "name": "erp",
                "is_active": True,
                "host": "127.0.0.1",
                "port": 8069,
                "user": "admin",
                "database": "house",
                "protocol": "xmlrpc",
                "pool_size": 3,
            },
        ],
        "email_smtp": [
            {
                "name": "mail",
                "is_active": False,
                "host": "127.0.0.1",
                "port": 587,
                "mode": "starttls",
                "username": "ida",
                "timeout": 600,
                "is_debug": False,
                "ping_address": "ida@example.com",
            },
        ],
        "email_imap": [
            {
                "name": "inbox",
                "is_active": False,
                "host": "127.0.0.1",
                "port": 993,
                "mode": "ssl",
                "username": "ida",
                "timeout": 30,
                "debug_level": 0,
                "get_criteria": "UNSEEN",
            },
        ],
        "search_es": [
            {
                "name": "find",
                "is_active": True,
                "hosts": "127.0.0.1:9200",
                "timeout": 5,
                "body_as": "POST",
            },
        ],
        "search_solr": [
            {
                "name": "look",
                "is_active": True,
                "address": "http://127.0.0.1:8983/solr/core",
                "timeout": 5,
                "ping_path": "/solr/admin/ping",
                "options": "",
                "pool_size": 5,
            },
        ],
        "cloud_aws_s3": [
            {
                "name": "archive",
                "is_active": False,
                "bucket": "house",
                "address": "https://s3-eu-west-1.amazonaws.com/",
                "content_type": "text/plain",
                "storage_class": "STANDARD",
                "encrypt_at_rest": True,
                "metadata_": "a=b\nc=d",
                "pool_size": 5,
                "debug_level": 0,
                "suppr_cons_slashes": True,
                "security_name": "buckets",
            },
        ],
        "scheduler": [
            {
                "name": "hourly",
                "is_active": False,
                "job_type": "interval_based",
                "service": "rates.note",
                "start_date": "2014-01-01 00:00:00",
                "hours": 1,
                "extra": "day=2013-09-03",
            },
            {
                "name": "nightly",
                "is_active": False,
                "job_type": "cron_style",
                "service": "rates.note",
                "start_date": "2014-01-01 00:00:00",
                "cron_definition": "0 3 * * *",
            },
            {
                "name": "once",
                "is_active": False,
                "job_type": "one_time",
                "service": "rates.note",
                "start_date": "2014-01-01 00:00:00",
            },
            {
                "name": "zato.stats.process-raw-times",
                "is_active": True,
                "seconds": 90,
                "job_type": "interval_based",
                "service": "zato.stats.process-raw-times",
                "start_date": "2014-01-01 00:00:00",
            },
        ],
        "cache_builtin": [
            {
                "name": "rates",
                "is_active": True,
                "is_default": False,
                "max_size": 500,
                "max_item_size": 5000,
                "extend_expiry_on_get": True,
                "extend_expiry_on_set": False,
                "sync_method": "in-background",
                "persistent_storage": "no-persistent-storage",
            },
        ],
        "rbac_role": [
            {"name": "clerk", "parent_name": "Root"},
            {"name": "chief", "parent_name": "clerk"},
        ],
        "rbac_client_role": [
            {"name": "1", "role_name": "chief", "client_def": "sec_def:::basic_auth:::partner"},
        ],
        "rbac_role_permission": [
            {
                "name": "1",
                "role_name": "clerk",
                "perm_name": "Read",
                "service_name": "rates.get-rate",
            },
        ],
        "outconn_sftp": [
            {"name": "drop", "host": "127.0.0.1", "username": "eve", "is_active": False}
        ],
        "channel_web_socket": [
            {
                "name": "chat",
                "is_active": False,
                "address": "ws://127.0.0.1:48009/chat",
                "service": "rates.note",
                "hook_service": "rates.note",
                "sec_def": "partner",
                "data_format": "json",
            },
        ],
        "outconn_wsx": [
            {
                "name": "ticker",
                "is_active": False,
                "address": "ws://127.0.0.1:48010/ticker",
                "sec_def": "zato-no-security",
                "on_message_service_name": "rates.note",
                "subscription_list": "all",
            },
        ],
    }


def of_3_x(channels: int = 3) -> dict[str, list[Any]]:
    """The same as files of 3.x have it: definitions are named by `security_name`, and there are
    passwords by variables.
    """
    made = json.loads(json.dumps(of_2_0(channels)))
    for section in ("channel_plain_http", "channel_soap", "outconn_plain_http", "outconn_soap"):
        for item in made[section]:
            item["security_name"] = item.pop("sec_def")
    for item in made["def_sec"]:
        if item["name"] == "partner":
            item["password"] = "Zato_Enmasse_Env.SECURITY_BASIC_PARTNER_PASSWORD"
    plain: dict[str, list[Any]] = made
    return plain


def pubsub() -> dict[str, list[Any]]:
    """Topics, permissions and subscriptions of a minimal file whose definition is `partner`."""
    return {
        "pubsub_topic": [{"name": "rates.new"}, {"name": "rates.old", "max_depth": 10}],
        "pubsub_permission": [
            {"security": "partner", "pub": ["rates.*"], "sub": ["rates.new"]},
            {"security": "till", "sub": ["#"]},
        ],
        "pubsub_subscription": [
            {
                "security": "partner",
                "delivery_type": "pull",
                "topic_list": ["rates.new", "rates.#"],
            },
            {
                "security": "till",
                "delivery_type": "push",
                "push_service": "rates.note",
                "topic_list": ["rates.new"],
            },
            {
                "security": "till",
                "delivery_type": "push",
                "push_rest_endpoint": "bank",
                "topic_list": ["rates.old"],
            },
        ],
    }


def minimal(channels: int = 3) -> dict[str, list[Any]]:
    """What minimal files have of it."""
    return {
        "security": [
            {
                "name": "partner",
                "type": "basic_auth",
                "username": "ada",
                "realm": "Rates",
                "password": "Zato_Enmasse_Env.SECURITY_BASIC_PARTNER_PASSWORD",
            },
            {
                "name": "till",
                "type": "apikey",
                "username": "till",
                "header": "X-Till-Key",
                "password": "Zato_Enmasse_Env.SECURITY_APIKEY_TILL_KEY",
            },
        ],
        "groups": [{"name": "everybody", "members": ["partner", "till"]}],
        "channel_rest": [
            {
                "name": f"rates-{number}",
                "url_path": f"/rates/{number}/{{day}}",
                "service": "rates.get-rate",
                "data_format": "json",
                "method": "POST" if number % 2 else "GET",
                "url_params_pri": "path-over-qs",
                **({"security": "partner"} if number % 2 else {}),
            }
            for number in range(channels)
        ]
        + [
            {
                "name": "rates-all",
                "url_path": "/all/{day}",
                "service": "rates.get-rate",
                "data_format": "json",
                "groups": ["everybody"],
            }
        ],
        "outgoing_rest": [
            {
                "name": "bank",
                "host": "http://127.0.0.1:37048",
                "url_path": "/rates/{day}",
                "security": "partner",
                "pool_size": 5,
                "timeout": 30,
                "data_format": "json",
            },
        ],
        "scheduler": [
            {
                "name": "hourly",
                "is_active": False,
                "job_type": "interval_based",
                "hours": 1,
                "service": "rates.note",
                "start_date": "2014-01-01 00:00:00",
                "extra": "day=2013-09-03",
            },
        ],
        "sql": [
            {
                "name": "crm",
                "is_active": False,
                "type": "postgresql",
                "host": "127.0.0.1",
                "port": 5432,
                "db_name": "crm",
                "username": "hal",
                "pool_size": 3,
                "extra": "application_name=house",
                "password": "Zato_Enmasse_Env.OUTGOING_SQL_CRM_PASSWORD",
            },
        ],
        "cache": [{"name": "rates", "extend_expiry_on_get": True}],
        "jira": [{"name": "issues", "address": "https://example.com", "username": "ada"}],
    }


def write_json(path: Path, config: dict[str, list[Any]]) -> Path:
    """Write a file of 2.0."""
    path.write_text(json.dumps(config, indent=1, sort_keys=True))
    return path


def write_yaml(path: Path, config: dict[str, list[Any]]) -> Path:
    """Write a file of 3.x, or a minimal one."""
    path.write_text(yaml.safe_dump(config))
    return path
