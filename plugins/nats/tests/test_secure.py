"""TLS and logins: tokens, users, permissions, credentials, certificates."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import Any

import nkeys
import pytest
from hansa import Unavailable
from hansa_devkit import Inbox
from hansa_devkit.harness.waiting import wait_until

from plugins.ftp.tests.servers import certificate
from plugins.nats.tests.nats_server import NatsServer
from plugins.nats.tests.support import channel, outgoing

TLS = """
tls {{
    cert_file: "FOLDER/server.pem"
    key_file: "FOLDER/server.pem"
}}
"""
USERS = """
authorization {
    users = [
        {user: "ада", password: "s3cret-пароль"}
        {user: "reader", password: "reader-pw", permissions: {publish: "only.this", subscribe: ">"}}
    ]
}
"""


class Guarded(NatsServer):
    """A server with TLS and users."""

    files = {"server.pem": certificate("127.0.0.1")}
    more = TLS.replace("{{", "{").replace("}}", "}") + USERS


@pytest.fixture(scope="module")
def guarded():
    with Guarded() as server:
        yield server


@pytest.fixture
def right(guarded):
    return {
        "tls": True,
        "tls_ca": f"{guarded.folder}/server.pem",
        "username": "ада",
        "password": "s3cret-пароль",
    }


@pytest.mark.evidence("tls")
def test_both_types_over_tls(guarded, right):
    inbox = Inbox()
    with channel(guarded, inbox, "a", **right), outgoing(guarded, subject="a", **right) as out:
        out.publish("x")
        inbox.wait(1, 60)


@pytest.mark.evidence("tls")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tls_ca": ""}, "set tls_ca to a file with the authority"),
        ({"host": "localhost"}, "set host to a name that is in it"),
        ({"tls": False}, "set tls to true"),
        ({"password": "wrong"}, "check the settings username and password"),
        ({"username": "nobody"}, "check the settings username and password"),
        ({"port": 1}, "check the settings host and port"),
    ],
)
def test_what_is_wrong_is_said_and_which_setting_to_change(guarded, right, changes, why):
    settings = {**right, **changes}
    for start in (
        lambda: outgoing(guarded, **settings),
        lambda: channel(guarded, Inbox(), "a", **settings),
    ):
        began = time.monotonic()
        with pytest.raises(Unavailable, match=why) as told, start():
            pass
        assert time.monotonic() - began < 3
        assert settings["password"] not in str(told.value)


def test_what_a_user_may_not_publish(guarded, right):
    who = {**right, "username": "reader", "password": "reader-pw"}
    with outgoing(guarded, **who) as out:
        out.publish("x", "only.this")
        with contextlib.suppress(Unavailable):  # the server may tell a moment too late
            out.publish("x", "not.this")
        wait_until(lambda: out.refused("not.this"), 10, "the server has told")
        with pytest.raises(Unavailable, match="check the setting username and its permissions"):
            out.publish("x", "not.this")
        out.publish("x", "only.this")


def test_a_token():
    more = 'authorization { token: "a-tok3n" }'
    cls = type("Token", (NatsServer,), {"more": more, "login": {"token": "a-tok3n"}})
    with cls() as server:
        with outgoing(server, password="a-tok3n") as out:
            out.publish("x", "a")
        with pytest.raises(Unavailable, match="check the settings username and password"):
            with outgoing(server, password="another"):
                pass


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(issuer: Any, subject: str, name: str, more: dict[str, Any]) -> str:
    """A JWT as NATS has it (ed25519-nkey)."""
    claims = {
        "iss": issuer.public_key.decode(),
        "sub": subject,
        "name": name,
        "iat": int(time.time()),
        "jti": name,
        "nats": {"version": 2, **more},
    }
    head = encoded(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
    text = f"{head}.{encoded(json.dumps(claims).encode())}"
    return f"{text}.{encoded(issuer.sign(text.encode()))}"


def pair(prefix: int) -> Any:
    import os

    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), prefix))


def test_credentials(tmp_path):
    operator = pair(nkeys.PREFIX_BYTE_OPERATOR)
    account = pair(nkeys.PREFIX_BYTE_ACCOUNT)
    user = pair(nkeys.PREFIX_BYTE_USER)
    limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "imports": -1, "exports": -1}
    owner = token(operator, operator.public_key.decode(), "operator", {"type": "operator"})
    place = account.public_key.decode()
    held = token(operator, place, "account", {"type": "account", "limits": limits})
    who = token(
        account,
        user.public_key.decode(),
        "user",
        {"type": "user", "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}},
    )
    file = tmp_path / "user.creds"
    seed = user.seed.decode()
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{who}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    more = f"operator: {owner}\nresolver: MEMORY\nresolver_preload: {{ {place}: {held} }}\n"
    with type("Credentials", (NatsServer,), {"more": more, "jetstream": ""})() as server:
        with outgoing(server, credentials=str(file)) as out:
            out.publish("x", "a")
        with pytest.raises(Unavailable, match="or credentials"), outgoing(server):
            pass
        with pytest.raises(Unavailable, match="there is no file /not-there"):
            with outgoing(server, credentials="/not-there"):
                pass


def test_a_server_that_is_silent_is_lost(broker):
    with outgoing(broker, heartbeat=0.3) as out:
        broker.pause()
        try:
            wait_until(lambda: out.server.losses.get(out), 20, "it tells core that it is lost")
        finally:
            broker.resume()
