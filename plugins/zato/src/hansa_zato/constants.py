"""Constants that services compare with: channel types, data formats, transports and so on."""

from __future__ import annotations

import http.client
from typing import Final

from .bunch import Bunch

ZATO_OK: Final = "ZATO_OK"
ZATO_ERROR: Final = "ZATO_ERROR"
ZATO_WARNING: Final = "ZATO_WARNING"
ZATO_NONE: Final = "ZATO_NONE"
ZATO_NOT_GIVEN: Final = "ZATO_NOT_GIVEN"
ZATO_DEFAULT: Final = "ZATO_DEFAULT"
ZATO_SEC_USE_RBAC: Final = "ZATO_SEC_USE_RBAC"
NO_DEFAULT_VALUE: Final = "NO_DEFAULT_VALUE"
zato_namespace: Final = "https://zato.io/ns/20130518"
ZATO_NO_SECURITY: Final = "zato-no-security"
TRACE1: Final = 6


class CHANNEL:
    """Types of channels, the values of `self.channel`."""

    AMQP = "amqp"
    AUDIT = "audit"
    DELIVERY = "delivery"
    FANOUT_CALL = "fanout-call"
    FANOUT_ON_FINAL = "fanout-on-final"
    FANOUT_ON_TARGET = "fanout-on-target"
    FTP = "ftp"
    HTTP_SOAP = "http-soap"
    INTERNAL_CHECK = "internal-check"
    INVOKE = "invoke"
    INVOKE_ASYNC = "invoke-async"
    INVOKE_ASYNC_CALLBACK = "invoke-async-callback"
    IPC = "ipc"
    JMS_WMQ = "jms-wmq"
    JSON_RPC = "json-rpc"
    NEW_INSTANCE = "new-instance"
    NOTIFIER_RUN = "notifier-run"
    NOTIFIER_TARGET = "notifier-target"
    PARALLEL_EXEC_CALL = "parallel-exec-call"
    PARALLEL_EXEC_ON_TARGET = "parallel-exec-on-target"
    PUBLISH = "publish"
    SCHEDULER = "scheduler"
    SCHEDULER_AFTER_ONE_TIME = "scheduler-after-one-time"
    SERVICE = "service"
    SSO_USER = "sso-user"
    STARTUP_SERVICE = "startup-service"
    URL_DATA = "url-data"
    WEB_SOCKET = "web-socket"
    WORKER = "worker"
    ZMQ = "zmq"


class WEB_SOCKET:
    """What is said of WebSockets."""

    class HOOK_TYPE:
        """Events, as hooks see them in `self.request.input.ctx.hook_type`."""

        ON_CONNECTED = "wsx_on_connected"
        ON_DISCONNECTED = "wsx_on_disconnected"
        ON_PUBSUB_RESPONSE = "wsx_on_pubsub_response"


class DATA_FORMAT:
    """Data formats, the values of `self.data_format`."""

    CSV = "csv"
    DICT = "dict"
    FORM_DATA = "form"
    HL7 = "hl7"
    JSON = "json"
    POST = "post"
    SOAP = "soap"
    XML = "xml"


class SIMPLE_IO:
    """Rules of SimpleIO by which a name alone determines a type."""

    FORMAT = Bunch(XML="xml", JSON="json")
    INT_PARAMETERS = Bunch(VALUES=["id"], SUFFIXES=["_id", "_count", "_size", "_timeout"])
    BOOL_PARAMETERS = Bunch(PREFIXES=["is_", "needs_", "should_"])


class URL_TYPE:
    """Transports of HTTP channels, the values of `self.transport`."""

    SOAP = "soap"
    PLAIN_HTTP = "plain_http"


class SEC_DEF_TYPE:
    """Types of security definitions."""

    APIKEY = "apikey"
    AWS = "aws"
    BASIC_AUTH = "basic_auth"
    JWT = "jwt"
    NTLM = "ntlm"
    OAUTH = "oauth"
    OPENSTACK_SECURITY = "openstack"
    TECH_ACCOUNT = "tech_acc"
    TLS_CHANNEL_SEC = "tls_channel_sec"
    TLS_KEY_CERT = "tls_key_cert"
    VAULT = "vault_conn_sec"
    WSS = "wss"
    XPATH_SEC = "xpath_sec"


class SCHEDULER:
    """Types of jobs, the values of `self.job_type`."""

    JOB_TYPE = Bunch(ONE_TIME="one_time", INTERVAL_BASED="interval_based", CRON_STYLE="cron_style")


class ADAPTER_PARAMS:
    """When a `JSONAdapter` applies its own parameters: what is applied last wins."""

    APPLY_AFTER_REQUEST = "apply-after-request"
    APPLY_BEFORE_REQUEST = "apply-before-request"


class KVDB:
    """Redis keys of data dictionaries, formats and locks."""

    SEPARATOR = ":::"
    DICTIONARY_ITEM = "zato:kvdb:data-dict:item"
    DICTIONARY_ITEM_ID = "zato:kvdb:data-dict:item:id"
    TRANSLATION = "zato:kvdb:data-dict:translation"
    TRANSLATION_ID = "zato:kvdb:data-dict:translation:id"
    LOCK_SERVICE_PREFIX = "zato:lock:service:"
    DATE_FORMAT_PREFIX = "kvdb:date-format:"


HTTP_RESPONSES: Final = dict(http.client.responses)

_CHANNELS: Final = {
    "http": CHANNEL.HTTP_SOAP,
    "soap": CHANNEL.HTTP_SOAP,
    "schedule": CHANNEL.SCHEDULER,
    "zeromq": CHANNEL.ZMQ,
    "startup": CHANNEL.STARTUP_SERVICE,
    "websocket": CHANNEL.WEB_SOCKET,
    "ibmmq": CHANNEL.JMS_WMQ,
}
_TRANSPORTS: Final = {"http": URL_TYPE.PLAIN_HTTP, "soap": URL_TYPE.SOAP}

_SECURITY: Final = {
    "basic": SEC_DEF_TYPE.BASIC_AUTH,
    "oauth1": SEC_DEF_TYPE.OAUTH,
    "tls": SEC_DEF_TYPE.TLS_CHANNEL_SEC,
    "tls_key": SEC_DEF_TYPE.TLS_KEY_CERT,
    "xpath": SEC_DEF_TYPE.XPATH_SEC,
}


def channel_type(type: str) -> str:
    """Return what Zato calls a type of channel; one that Zato does not have keeps its name."""
    return _CHANNELS.get(type, type)


def transport(type: str) -> str | None:
    """Return the transport of a channel type: `plain_http` or `soap`, None for all others."""
    return _TRANSPORTS.get(type)


def security_type(type: str) -> str:
    """Return what Zato calls a type of security; one that Zato does not have keeps its name."""
    return _SECURITY.get(type, type)
