"""What objects of Zato become, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hansa_zato.enmasse.importing import config_of
from hansa_zato.enmasse.passwords import fill
from hansa_zato.enmasse.reading import read
from hansa_zato.enmasse.translation import Translation, translate
from hansa_zato.mapping import MAPPINGS, NOT_CARRIED, by_section
from hansa_zato.mapping.pubsub import matches

from plugins.zato.tests.enmasse_files import (
    VARIABLES,
    channel,
    of_2_0,
    pubsub,
    write_json,
    write_yaml,
)

SUBSCRIPTION = {"security": "a", "topic_list": ["t"]}
JOB = {"name": "a", "service": "s", "job_type": "interval_based", "seconds": 5}


def translated(folder: Path, config: dict[str, Any], **variables: str) -> Translation:
    write = write_yaml if "channel_rest" in config or "security" in config else write_json
    return translate(read(write(folder / "file", config)), variables)


def told(made: Translation) -> list[tuple[str, str, str]]:
    return [(one.code, one.name, one.key) for one in made.findings]


def only(made: Translation) -> dict[str, Any]:
    (definition,) = made.definitions.values()
    return definition.settings


def test_everything_of_a_file_is_carried_over_or_told(tmp_path: Path):
    made = translated(tmp_path, of_2_0())
    fill(made, {}, VARIABLES)
    parts = {"def_amqp", "def_jms_wmq", "query_cassandra"}
    parts |= {"rbac_client_role", "rbac_role_permission"}
    objects = sum(len(items) for key, items in of_2_0().items() if key not in parts)
    more = 2  # the login of Odoo, and what receives over a WebSocket
    assert len(made.definitions) + len(made.left_out) == objects + more
    assert not [one for one in made.findings if one.severity == "error"]
    assert {one.name for one in made.left_out} == {
        "proxy",
        "zato.stats.process-raw-times",
    }


def test_each_key_has_a_mapping_or_a_reason():
    for mapping in MAPPINGS:
        section, _, type = mapping.zato.partition(".")
        assert by_section(section, type) is not None
        assert mapping.zato not in NOT_CARRIED


def test_connections_have_what_their_definition_says(tmp_path: Path):
    config = of_2_0()
    made = translated(tmp_path, {key: config[key] for key in ("def_amqp", "channel_amqp")})
    assert only(made) == {
        "active": False,
        "service": "rates.note",
        "queue": "orders",
        "consumer_tag": "house",
        "format": "json",
        "host": "127.0.0.1",
        "port": 5672,
        "vhost": "/",
        "username": "eve",
        "heartbeat": 30,
    }


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"channel_amqp": [{"name": "a", "def_name": "x"}]}, ("E05", "a", "def_name")),
        ({"channel_amqp": [{"name": "a"}]}, ("E08", "a", "def_name")),
        ({"scheduler": [{"service": "s"}]}, ("E04", "", "name")),
        ({"def_sec": [{"name": "a"}]}, ("E04", "a", "type")),
        ({"def_sec": [{"name": "a", "type": "magic"}]}, ("E09", "a", "")),
        ({"def_magic": [{"name": "a"}]}, ("E10", "a", "")),
        ({"scheduler": [JOB, JOB]}, ("E01", "a", "")),
        ({"scheduler": [{**JOB, "seconds": "x"}]}, ("E08", "a", "seconds")),
        ({"scheduler": [{**JOB, "seconds": None}]}, ("E08", "a", "seconds")),
        ({"scheduler": [{**JOB, "job_type": "never"}]}, ("E08", "a", "job_type")),
        ({"scheduler": [{**JOB, "start_date": "soon"}]}, ("E08", "a", "start_date")),
        ({"scheduler": [{"name": "a", "seconds": 5}]}, ("E08", "a", "service")),
        ({"scheduler": [{**JOB, "colour": "red"}]}, ("W21", "a", "colour")),
        (
            {"outconn_plain_http": [{"name": "a", "host": "x", "sec_def": "b"}]},
            ("E08", "a", "host"),
        ),
        (
            {"channel_plain_http": [{"name": "a", "url_path": "/", "service": "s"}]},
            ("E05", "a", "sec_def"),
        ),
        (
            {"channel_rest": [{"name": "a", "url_path": "/", "service": "s", "groups": ["g"]}]},
            ("E05", "a", "groups"),
        ),
        (
            {
                "groups": [{"name": "g", "members": []}],
                "channel_rest": [{"name": "a", "url_path": "/", "service": "s", "groups": ["g"]}],
            },
            ("E05", "a", "groups"),
        ),
        ({"groups": [{"name": "g", "members": 5}], "security": []}, ("E08", "g", "members")),
        ({"outconn_ftp": [{"name": "a", "host": "h", "timeout": "inf"}]}, ("E08", "a", "timeout")),
        (
            {
                "security": [
                    {"name": "a", "type": "ntlm", "username": "b", "password": "Zato_Enmasse_Env.X"}
                ]
            },
            ("E21", "a", "password"),
        ),
        (
            {
                "scheduler": [
                    {
                        "name": "a",
                        "job_type": "one_time",
                        "service": "s",
                        "start_date": "2013-10-09 11:00:00",
                    }
                ]
            },
            ("W22", "a", "start_date"),
        ),
        (
            {
                "security": [
                    {"name": "a", "type": "apikey", "username": "X-Key", "password": "a-secret-1"}
                ]
            },
            ("W22", "a", "username"),
        ),
        ({"pubsub_endpoint": [{"name": "a"}]}, ("W20", "a", "")),
        ({"pubsub_permission": [{"pub": ["a"]}]}, ("E08", "", "security")),
        ({"pubsub_permission": [{"security": "a", "pub": ["a"]}]}, ("W20", "", "pub")),
        ({"pubsub_subscription": [{"security": "a"}]}, ("E08", "a", "topic_list")),
        (
            {"pubsub_subscription": [{"endpoint_name": "a", "topic_name": "b"}]},
            ("W20", "a", "endpoint_name"),
        ),
        (
            {"pubsub_subscription": [{**SUBSCRIPTION, "delivery_type": "push"}]},
            ("E08", "a.t", "delivery_type"),
        ),
        (
            {"pubsub_subscription": [{**SUBSCRIPTION, "delivery_type": "mail"}]},
            ("E08", "a.t", "delivery_type"),
        ),
        ({"def_amqp": [{"name": "a"}]}, ("W20", "a", "")),
    ],
)
def test_what_is_told(tmp_path: Path, config, expected):
    assert expected in told(translated(tmp_path, config))


def test_an_api_key_with_a_header_may_have_a_name(tmp_path: Path):
    key = {
        "name": "a",
        "type": "apikey",
        "username": "b",
        "header": "X-Key",
        "password": "secret-1",
    }
    made = translated(tmp_path, {"security": [key]})
    assert only(made) == {"header": "X-Key", "key": "secret-1"}
    assert told(made) == []


def test_a_channel_that_roles_guard_is_left_out(tmp_path: Path):
    made = translated(tmp_path, {"channel_plain_http": [{**channel(0), "has_rbac": True}]})
    assert not made.definitions
    assert told(made) == [("W20", "rates-0", "has_rbac")]
    assert "role" in made.findings[0].instead


def test_a_channel_that_only_roles_guard_is_left_out(tmp_path: Path):
    made = translated(tmp_path, {"channel_plain_http": [{**channel(0), "sec_use_rbac": True}]})
    assert not made.definitions


def rbac(*verbs: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    """A channel that roles guard, and a role whose parent may use some verbs of its service."""
    called = {**channel(0), "name": "rates", "method": method, "has_rbac": True, **more}
    caller = {"name": "1", "role_name": "chief", "client_def": "sec_def:::basic_auth:::partner"}
    grant = {"role_name": "clerk", "service_name": called["service"]}
    return {
        "channel_plain_http": [called],
        "rbac_role": [{"name": "clerk"}, {"name": "chief", "parent_name": "clerk"}],
        "rbac_client_role": [caller],
        "rbac_role_permission": [{**grant, "name": verb, "perm_name": verb} for verb in verbs],
    }


def test_roles_name_the_channels_all_of_whose_verbs_they_may_use(tmp_path: Path):
    made = translated(tmp_path, rbac("Read"))
    settings = {key[2]: one.settings for key, one in made.definitions.items()}
    assert settings["clerk"] == {"channels": ["http rates"]}
    assert settings["chief"] == {"security": ["partner"], "parents": ["clerk"]}
    assert settings["rates"]["service"] == "rates.get-rate" and "has_rbac" not in settings["rates"]
    assert not [one for one in made.findings if one.severity == "error"]


def test_verbs_that_a_role_lacks_are_told_and_leave_the_channel_out(tmp_path: Path):
    made = translated(tmp_path, rbac("Read", method=""))
    assert {key[2] for key in made.definitions} == {"clerk", "chief"}
    assert ("W21", "rates", "has_rbac") in told(made) and ("W20", "rates", "has_rbac") in told(made)
    made = translated(tmp_path, rbac("Read", "Create", "Update", "Delete", method=""))
    assert {key[2] for key in made.definitions} == {"clerk", "chief", "rates"}


def test_a_channel_that_only_roles_guard_has_their_callers(tmp_path: Path):
    made = translated(tmp_path, rbac("Read", sec_use_rbac=True, sec_def="zato-sec-rbac"))
    found = made.definitions["channel", "http", "rates"].settings
    assert found["security"] == "partner"


def test_permissions_of_the_root_are_those_of_all(tmp_path: Path):
    config = rbac("Read")
    config["rbac_role_permission"][0]["role_name"] = "Root"
    config["rbac_client_role"][0]["role_name"] = "Root"
    made = translated(tmp_path, config)
    roles = {key[2]: one.settings for key, one in made.definitions.items() if key[0] == "role"}
    assert roles["Root"] == {"channels": ["http rates"], "security": ["partner"]}
    assert roles["clerk"] == {"channels": ["http rates"]} and roles["chief"]["parents"] == ["clerk"]


def test_what_roles_lack_is_told(tmp_path: Path):
    config = rbac("Read", "Look")
    config["rbac_client_role"] += [{"name": "2", "role_name": "chief"}]
    config["rbac_client_role"] += [{"name": "3", "role_name": "chief", "client_def": "a:::b:::c"}]
    config["rbac_role_permission"] += [{"name": "4", "role_name": "chief"}]
    found = told(translated(tmp_path, config))
    assert ("E08", "2", "client_def") in found and ("W21", "3", "client_def") in found
    assert ("E08", "4", "") in found and ("W21", "Look", "perm_name") in found


def test_technical_accounts_and_users_of_jwt_log_in_by_http_basic(tmp_path: Path):
    jwt: dict[str, Any] = {
        "name": "mobile",
        "type": "jwt",
        "username": "ada",
        "ttl": 3600,
        "password": "a-secret",
    }
    made = translated(tmp_path, {"def_sec": [{"name": "tech", "type": "tech_acc"}, jwt]})
    settings = {key: one.settings for key, one in made.definitions.items()}
    assert settings["security", "basic", "tech"] == {"username": "tech"}
    assert settings["security", "basic", "mobile"] == {"username": "ada", "password": "a-secret"}
    assert [code for code, _, _ in told(made)] == ["W22", "W22"]


SFTP = {"name": "drop", "host": "files.example.com", "username": "eve"}


def test_the_key_of_a_host_is_asked_for_and_kept(tmp_path: Path):
    made = translated(tmp_path, {"outconn_sftp": [{**SFTP, "password": "a-secret"}]})
    fill(made, {}, {})
    [asked] = [one for one in made.findings if one.severity == "error"]
    assert (asked.code, asked.key) == ("E20", "known_hosts")
    assert "OUTGOING_SFTP_DROP_KNOWN_HOSTS" in asked.message and "ssh-keyscan" in asked.message
    made = translated(tmp_path, {"outconn_sftp": [{**SFTP, "password": "a-secret"}]})
    fill(made, {("outgoing", "sftp", "drop"): {"known_hosts": "that of before"}}, {})
    assert only(made)["known_hosts"] == "that of before"


def test_the_text_of_a_private_key_is_asked_for(tmp_path: Path):
    made = translated(
        tmp_path, {"outconn_sftp": [{**SFTP, "identity_file": "/opt/zato/id_ed25519"}]}
    )
    fill(made, {}, {"OUTGOING_SFTP_DROP_KNOWN_HOSTS": "x"})
    assert ("E20", "drop", "key") in told(made) and only(made)["known_hosts"] == "x"


def test_websockets_are_channels_and_connections(tmp_path: Path):
    listens: dict[str, Any] = {
        "name": "chat",
        "address": "ws://0.0.0.0:47043/chat",
        "service": "rates.note",
    }
    listens = {**listens, "data_format": "json", "token_ttl": 3600, "sec_def": "partner"}
    made = translated(tmp_path, {"web_socket": [listens]})
    assert only(made) == {
        "service": "rates.note",
        "host": "0.0.0.0",
        "port": 47043,
        "path": "/chat",
        "format": "json",
        "security": "partner",
    }
    assert told(made) == [("W22", "chat", "")]
    for faulty in ({"address": "http://x"}, {"address": "ws://x:y"}, {"address": ""}):
        made = translated(tmp_path, {"channel_web_socket": [{**listens, **faulty}]})
        assert ("E08", "chat", "address") in told(made)
    made = translated(tmp_path, {"channel_web_socket": [{**listens, "address": "wss://x:1/"}]})
    assert not made.definitions and told(made) == [("W20", "chat", "address")]


def test_a_websocket_that_receives_is_two_definitions(tmp_path: Path):
    client = {"name": "t", "address": "wss://x/y", "on_message_service_name": "rates.note"}
    client = {**client, "subscription_list": "a\nb", "sec_def": "partner", "data_format": "json"}
    made = translated(tmp_path, {"outconn_wsx": [client]})
    settings = {key: one.settings for key, one in made.definitions.items()}
    assert settings["outgoing", "websocket", "t"] == {"url": "wss://x/y", "security": "partner"}
    assert settings["channel", "websocket-client", "t"] == {
        "url": "wss://x/y",
        "service": "rates.note",
        "subscribe": ["a", "b"],
        "login": "partner",
        "format": "json",
    }
    made = translated(tmp_path, {"outconn_wsx": [{**client, "is_zato": True}]})
    assert not made.definitions and told(made) == [("W20", "t", "is_zato")]


def test_what_is_marked_for_deletion_is_left_out(tmp_path: Path):
    made = translated(tmp_path, {"scheduler": [{**JOB, "should_delete": True}]})
    assert not made.definitions
    assert told(made) == [("W20", "a", "")]


def test_keys_that_every_export_has_are_not_told(tmp_path: Path):
    every = {
        "audit_back_log": 1440,
        "cache_expiry": 0,
        "data_encoding": "utf-8",
        "hl7_version": "hl7-v2",
        "host": "",
        "id": 98,
        "match_slash": True,
        "max_len_messages_received": 50,
        "ping_method": "HEAD",
        "pool_size": 20,
        "security_id": None,
        "security_name": None,
        "sec_tls_ca_cert_id": None,
        "sec_use_rbac": False,
        "serialization_type": "string",
        "service_id": 707,
        "service_name": "rates.get-rate",
        "service_whitelist": [""],
        "soap_action": "",
        "soap_version": None,
        "timeout": "10",
        "transport": "plain_http",
    }
    made = translated(tmp_path, {"channel_plain_http": [{**channel(0), **every}]})
    assert not made.findings
    assert only(made)["match_slash"] is True


CHANNEL: dict[str, Any] = {
    "name": "c",
    "service": "rates.get",
    "url_path": "/rates",
    "sec_def": "zato-no-security",
}


@pytest.mark.parametrize(
    ("item", "limits", "keys"),
    [
        ({"rate_limit_def": "*=100/m"}, {"rate": "100/m"}, []),
        (
            {"rate_limit_def": "\n 10.0.0.0/8 = 5 / s\n", "rate_limit_type": "APPROXIMATE"},
            {"rate": "5/s", "allow_from": ["10.0.0.0/8"], "rate_scope": "worker"},
            [],
        ),
        ({"rate_limit_def": "*=100/m", "is_rate_limit_active": False}, None, []),
        ({"rate_limit_def": "*=100/m", "is_rate_limit_active": "False"}, None, []),
        ({"rate_limit_def": "*=100/m\n10.0.0.1=5/m"}, None, ["rate_limit_def"]),
        ({"rate_limit_def": "10.0.0.1=*"}, None, ["rate_limit_def"]),
    ],
)
def test_a_rate_of_one_line_is_that_of_the_channel(tmp_path: Path, item, limits, keys):
    made = translated(tmp_path, {"channel_plain_http": [{**CHANNEL, **item}]})
    assert only(made).get("limits") == limits
    assert [key for _, _, key in told(made)] == keys


@pytest.mark.parametrize(
    ("item", "kept"),
    [
        (
            {"cache_name": "rates", "cache_expiry": 60},
            {"cache": "rates", "methods": ["GET", "HEAD", "POST"], "expiry": 60},
        ),
        (
            {"cache_name": "rates", "cache_type": "builtin", "method": "put"},
            {"cache": "rates", "methods": ["PUT"]},
        ),
        ({"cache_name": "rates", "cache_type": "memcached"}, None),
        ({"cache_name": "", "cache_type": "builtin", "cache_expiry": 60}, None),
    ],
)
def test_the_cache_of_a_channel_keeps_its_answers(tmp_path: Path, item, kept):
    made = translated(tmp_path, {"channel_plain_http": [{**CHANNEL, **item}]})
    assert only(made).get("response_cache") == kept
    assert [key for _, _, key in told(made)] == (["cache_name"] if item["cache_name"] else [])


def test_what_a_file_does_not_say_of_limits_stays(tmp_path: Path):
    there = {"limits": {"timeout": 5, "rate": "1/s"}, "response_cache": {"cache": "rates"}}
    current = {("channel", "http", "c"): there}
    silent = translated(tmp_path, {"channel_plain_http": [CHANNEL]})
    found = config_of(silent, current)["channel"]["http"]["c"]
    assert {name: found[name] for name in there} == there
    said = translated(tmp_path, {"channel_plain_http": [{**CHANNEL, "rate_limit_def": "*=9/m"}]})
    found = config_of(said, current)["channel"]["http"]["c"]
    assert found["limits"] == {"timeout": 5, "rate": "9/m"}


def test_limits_and_caches_of_channels_are_written(tmp_path: Path):
    """As far as Zato has them; what it has not is told."""
    mapping = by_section("channel_plain_http")
    assert mapping is not None
    settings = {
        "service": "rates.get",
        "url_path": "/rates",
        "limits": {"rate": "100/m", "allow_from": ["10.0.0.0/8"], "timeout": 5},
        "response_cache": {"cache": "rates", "expiry": 60, "per_caller": False},
    }
    writing, _ = mapping.write("c", settings, "3.x")
    assert writing.item["rate_limit_def"] == "10.0.0.0/8=100/m"
    assert writing.item["cache_name"] == "rates"
    assert {remark.key for remark in writing.remarks} == {
        "limits.timeout",
        "response_cache.per_caller",
    }
    again = translated(tmp_path, {"channel_plain_http": [writing.item]})
    assert only(again)["limits"] == {"rate": "100/m", "allow_from": ["10.0.0.0/8"]}
    older, _ = mapping.write("c", settings, "2.0")
    assert {remark.key for remark in older.remarks} == {"limits", "response_cache"}
    several = {**settings, "limits": {"rate": ["100/m", "1/s"]}}
    writing, _ = mapping.write("c", several, "3.x")
    assert "limits" in {remark.key for remark in writing.remarks}


def test_definitions_that_sign_are_those_that_connections_name(tmp_path: Path):
    made = translated(tmp_path, of_2_0())
    signs = {key[2]: one.settings.get("signs") for key, one in made.definitions.items()}
    assert signs["partner"] is True
    assert not signs["envelopes"]


def test_groups_are_lists_of_definitions(tmp_path: Path):
    config = {
        "security": [{"name": "a", "type": "basic_auth", "username": "a"}],
        "groups": [{"name": "g", "members": ["a", "b"]}, {"name": "h", "members": ["b", "c"]}],
        "channel_rest": [
            {"name": "x", "url_path": "/x", "service": "s", "groups": ["g", "h"]},
            {"name": "y", "url_path": "/y", "service": "s"},
        ],
    }
    made = translated(tmp_path, config)
    assert made.definitions["channel", "http", "x"].settings["security"] == ["a", "b", "c"]
    assert "security" not in made.definitions["channel", "http", "y"].settings


@pytest.mark.parametrize(
    ("item", "settings"),
    [
        ({"mode": "ssl"}, {"implicit": True}),
        ({"mode": "starttls"}, {}),
        ({"mode": "plain"}, {"tls": False}),
    ],
)
def test_words_that_are_several_settings(tmp_path: Path, item, settings):
    config = {"email_smtp": [{"name": "a", "host": "b", **item}]}
    assert only(translated(tmp_path, config)) == {"host": "b", **settings}


@pytest.mark.parametrize(
    ("section", "item", "settings"),
    [
        (
            "outconn_plain_http",
            {
                "host": "https://a.b",
                "url_path": "/{c}",
                "sec_def": "zato-no-security",
                "tls_verify": "false",
            },
            {"address": "https://a.b", "url_path": "/{c}", "verify": False},
        ),
        (
            "outconn_soap",
            {
                "host": "https://a.b",
                "url_path": "/c?wsdl",
                "sec_def": "zato-no-security",
                "serialization_type": "suds",
            },
            {"address": "https://a.b", "url_path": "/c?wsdl", "wsdl": "https://a.b/c?wsdl"},
        ),
        (
            "def_sec",
            {"type": "ntlm", "username": "A\\b", "password": "c"},
            {"username": "b", "domain": "A", "password": "c"},
        ),
        (
            "def_sec",
            {"type": "apikey", "username": "X-Key", "password": "c"},
            {"header": "X-Key", "key": "c"},
        ),
        (
            "def_sec",
            {
                "type": "tls_key_cert",
                "value": "-----BEGIN CERTIFICATE-----\nA\n"
                "-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nB\n"
                "-----END PRIVATE KEY-----\n",
            },
            {
                "certificate": "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
                "key": "-----BEGIN PRIVATE KEY-----\nB\n-----END PRIVATE KEY-----\n",
            },
        ),
        (
            "cloud_aws_s3",
            {
                "address": "https://s3.amazonaws.com/",
                "security_name": None,
                "sec_def": "zato-no-security",
            },
            {},
        ),
        (
            "outconn_sql",
            {"engine": "mysql+pymysql", "db_name": "d", "extra": "a=1\nb=true\nc=x"},
            {"engine": "mysql", "database": "d", "options": {"a": 1, "b": True, "c": "x"}},
        ),
        (
            "outconn_sql",
            {"engine": "mysql+pymysql", "db_name": "d?charset=utf8&a=2", "extra": "a=1"},
            {"engine": "mysql", "database": "d", "options": {"charset": "utf8", "a": 1}},
        ),
        (
            "outconn_sql",
            {"engine": "sqlite", "db_name": "d.sqlite", "username": "u", "password": "p"},
            {"engine": "sqlite", "database": "d.sqlite"},
        ),
        (
            "outconn_redis",
            {"host": "b", "port": "6380", "db": 1, "use_redis_sentinels": False},
            {"host": "b", "port": 6380, "db": 1},
        ),
        (
            "scheduler",
            {"service": "s", "job_type": "one_time", "start_date": "2014-01-01 10:00:00"},
            {"service": "s", "job_type": "one_time", "start": "2014-01-01T10:00:00Z"},
        ),
        (
            "channel_plain_http",
            {
                "url_path": "/a",
                "service_name": "s",
                "sec_def": "b",
                "data_format": "post",
                "method": "post",
            },
            {
                "url_path": "/a",
                "service": "s",
                "security": "b",
                "forms": {"enabled": True},
                "method": "POST",
            },
        ),
    ],
)
def test_objects_and_their_settings(tmp_path: Path, section, item, settings):
    assert only(translated(tmp_path, {section: [{"name": "a", **item}]})) == settings


# -- topics and subscriptions ----------------------------------------------------------------------


def test_topics_have_what_permissions_say_and_subscriptions_are_one_of_each_topic(tmp_path: Path):
    made = translated(tmp_path, pubsub())
    found = {key[0] + " " + key[2]: one.settings for key, one in made.definitions.items()}
    both = {"publishers": ["partner"], "subscribers": ["partner", "till"]}
    rest = {"security": "till", "deliver_to": "http", "outgoing": "bank"}
    assert found == {
        "topic rates.new": {"topic": "rates.new", **both},
        "topic rates.old": {
            "topic": "rates.old",
            "max_depth": 10,
            "publishers": ["partner"],
            "subscribers": ["till"],
        },
        "subscription partner.rates.new": {"topic": "rates.new", "security": "partner"},
        "subscription partner.rates.**": {"topic": "rates.**", "security": "partner"},
        "subscription till.rates.new": {
            "topic": "rates.new",
            "security": "till",
            "deliver_to": "service",
            "service": "rates.note",
        },
        "subscription till.rates.old": {"topic": "rates.old", **rest},
    }
    assert {one.code for one in made.findings} == {"W22"}


@pytest.mark.parametrize("more", [{"should_delete": True}, {"is_active": False}])
def test_permissions_that_are_no_more_permit_nothing(tmp_path: Path, more):
    permission = {"security": "a", "pub": ["t"], **more}
    config = {"pubsub_topic": [{"name": "t"}], "pubsub_permission": [permission]}
    made = translated(tmp_path, config)
    assert only(made) == {"topic": "t"}
    assert [one.code for one in made.findings] == ["W21"]


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.**", "a.b.c", True),
        ("#", "a/b", True),
        ("a.b", "axb", False),
        ("a", "ab", False),
        ("*a" * 11, "a" * 11, False),
    ],
)
def test_patterns_of_topics(pattern, topic, expected):
    assert matches(pattern, topic) is expected


# -- passwords -------------------------------------------------------------------------------------

PARTNER = {"name": "partner", "type": "basic_auth", "username": "ada"}
KEY = ("security", "basic", "partner")


def test_a_password_comes_from_the_file_the_environment_or_a_person(tmp_path: Path):
    made = translated(tmp_path, {"def_sec": [{**PARTNER, "password": "given"}]})
    fill(made, {}, {})
    assert only(made)["password"] == "given"
    for variables, asked in (({"SECURITY_BASIC_PARTNER_PASSWORD": "set"}, ""), ({}, "asked")):
        made = translated(tmp_path, {"def_sec": [PARTNER]})
        fill(made, {}, variables, ask=lambda prompt, asked=asked: asked)
        assert only(made)["password"] == (asked or "set")
        assert not made.findings


@pytest.mark.parametrize("stored", ["gAAAAABbX", "zato+secret://x", "******", None])
def test_a_password_is_never_invented(tmp_path: Path, stored):
    made = translated(tmp_path, {"def_sec": [{**PARTNER, "password": stored}]})
    fill(made, {}, {})
    assert "password" not in only(made)
    error = made.findings[-1]
    assert (error.code, "SECURITY_BASIC_PARTNER_PASSWORD" in error.message) == ("E20", True)


def test_a_variable_that_is_not_there_is_told_once(tmp_path: Path):
    made = translated(tmp_path, {"def_sec": [{**PARTNER, "password": "${NO_SUCH}"}]})
    fill(made, {}, {})
    assert [one.code for one in made.findings] == ["E21"]
    assert "NO_SUCH" in made.findings[0].message


def test_a_password_that_is_there_stays(tmp_path: Path):
    there = {KEY: {"username": "ada", "password": {"$encrypted": "x"}}}
    for item in (PARTNER, {**PARTNER, "password": "new"}):
        made = translated(tmp_path, {"def_sec": [item]})
        fill(made, there, {})
        assert only(made)["password"] == {"$encrypted": "x"}
    assert told(made) == [("W23", "partner", "password")]
    made = translated(tmp_path, {"def_sec": [item]})
    fill(made, there, {}, replace=True)
    assert only(made)["password"] == "new"


def test_passwords_may_stay_references(tmp_path: Path):
    item = {**PARTNER, "username": "Zato_Enmasse_Env.WHO", "password": "ZatoEnmasseEnv.SECRET"}
    file = write_yaml(tmp_path / "file", {"security": [item]})
    made = translate(read(file), {"WHO": "ada"}, keep_variables=True)
    assert only(made) == {"username": "ada", "password": {"$env": "SECRET"}}
    made = translate(read(file), {"WHO": "ada", "SECRET": "open"})
    assert only(made) == {"username": "ada", "password": "open"}


def test_secrets_are_in_no_finding(tmp_path: Path):
    item = {**PARTNER, "password": "hunter2", "colour": "red"}
    made = translated(tmp_path, {"def_sec": [item], "def_magic": [item]})
    fill(made, {}, {})
    assert made.findings
    assert "hunter2" not in str([one.show() for one in made.findings])
    for wrong in (["hunter2"], {"a": "hunter2"}):
        made = translated(tmp_path, {"def_sec": [{**item, "password": wrong}]})
        assert ("E08", "partner", "password") in told(made)
        assert "hunter2" not in str(made.findings)
