"""Tests of hansa_vault.secrets, session and client against the stand-in for Vault."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid, Unavailable, load
from hansa_devkit.harness.waiting import wait_until
from hansa_vault.client import VaultClient
from hansa_vault.secrets import VaultSecrets
from hansa_vault.session import VaultSession
from hansa_vault.settings import VaultSection

from plugins.vault.tests.stub import VaultStub

Open = Callable[..., VaultSecrets]


@pytest.fixture
def vault() -> Iterator[VaultStub]:
    stub = VaultStub()
    stub.issue("root")
    stub.put("orders/db", password="s3cret", port=5432, tls=True, more={"a": 1}, nothing=None)
    yield stub
    stub.stop()
    assert stub.misuses == []


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa_vault.secrets._LOOK_INTERVAL", 0.05)


@pytest.fixture
def changed() -> list[str]:
    return []


@pytest.fixture
def open_vault(vault: VaultStub, changed: list[str]) -> Iterator[Open]:
    opened: list[VaultSecrets] = []

    def open(refresh: float = 60.0, **settings: Any) -> VaultSecrets:
        login = {} if {"role_id", "kubernetes_role"} & settings.keys() else {"token": "root"}
        section = load(VaultSection, {"address": vault.address, **login, **settings})
        session = VaultSession(VaultClient(section))
        secrets = VaultSecrets(session, refresh, changed.append)
        opened.append(secrets)
        return secrets

    yield open
    for secrets in opened:
        secrets.stop()


@pytest.mark.parametrize(
    ("field", "text"), [("password", "s3cret"), ("port", "5432"), ("tls", "true")]
)
def test_a_field_is_returned_as_text(open_vault: Open, field: str, text: str):
    assert open_vault().value(f"orders/db#{field}") == text


@pytest.mark.parametrize(
    ("reference", "fault"),
    [
        ("orders/db#user", "the secret orders/db in the vault has no field user"),
        ("orders/db#more", "the field more of the secret orders/db in the vault is not a text"),
        (
            "orders/db#nothing",
            "the field nothing of the secret orders/db in the vault is not a text",
        ),
        ("orders/none#a", "the vault has no secret orders/none"),
        ("orders/db", "'orders/db' is not of the form path#field"),
        ("#a", "'#a' is not of the form path#field"),
        ("orders//db#a", "'orders//db#a' is not of the form path#field"),
        ("orders/../other#a", "'orders/../other#a' is not of the form path#field"),
        ({"path": "a"}, "$vault takes a text, not dict"),
    ],
)
def test_what_is_not_there_is_a_fault(open_vault: Open, reference: object, fault: str):
    with pytest.raises(Invalid) as caught:
        open_vault().value(reference)
    assert caught.value.detail == fault


def test_paths_are_quoted(vault: VaultStub, open_vault: Open):
    vault.put("a b/ü?x", key="1")
    assert open_vault().value("a b/ü?x#key") == "1"
    assert vault.requests[-1] == "GET /v1/secret/data/a%20b/%C3%BC%3Fx"


def test_a_secret_is_read_once_for_all_its_fields(vault: VaultStub, open_vault: Open):
    secrets = open_vault()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(secrets.value, ["orders/db#password", "orders/db#port"] * 20))
    assert vault.requests.count("GET /v1/secret/data/orders/db") == 1


def test_mount_and_namespace(vault: VaultStub, open_vault: Open):
    vault.secrets["team", "kv/x"] = [{"a": "1"}]
    assert open_vault(mount="kv", namespace="team").value("x#a") == "1"


# -- logins ----------------------------------------------------------------------------------------


def test_app_role(vault: VaultStub, open_vault: Open):
    vault.approles["approle", "r:s"] = {"ttl": 60, "renewable": True}
    assert open_vault(role_id="r", secret_id="s").value("orders/db#password") == "s3cret"
    assert vault.requests[0] == "POST /v1/auth/approle/login"


def test_kubernetes(vault: VaultStub, open_vault: Open, tmp_path: Path):
    (tmp_path / "token").write_text("header.payload.signature\n")
    vault.kubernetes["k8s/east", "orders:header.payload.signature"] = {}
    secrets = open_vault(
        kubernetes_role="orders",
        kubernetes_token=str(tmp_path / "token"),
        auth_mount="k8s/east",
    )
    assert secrets.value("orders/db#password") == "s3cret"


def test_a_service_account_without_token(open_vault: Open, tmp_path: Path):
    secrets = open_vault(kubernetes_role="orders", kubernetes_token=str(tmp_path / "none"))
    with pytest.raises(Unavailable, match="the token of the service account cannot be read"):
        secrets.value("orders/db#password")


def test_a_login_method_that_is_not_mounted_there(vault: VaultStub, open_vault: Open):
    vault.missing.add("elsewhere")
    secrets = open_vault(role_id="r", secret_id="s", auth_mount="elsewhere")
    with pytest.raises(Unavailable, match="no login at auth/elsewhere/login; see auth_mount"):
        secrets.value("orders/db#password")


@pytest.mark.parametrize("settings", [{"token": "wrong"}, {"role_id": "r", "secret_id": "wrong"}])
def test_a_wrong_login(open_vault: Open, settings: dict[str, str]):
    with pytest.raises(Invalid) as caught:
        open_vault(**settings).value("orders/db#password")
    assert caught.value.detail == "the vault does not let this server read orders/db"
    assert "wrong" not in str(caught.value)


def test_a_token_that_ended_is_made_anew(vault: VaultStub, open_vault: Open):
    vault.approles["approle", "r:s"] = {}
    vault.put("orders/other", a="1")
    secrets = open_vault(role_id="r", secret_id="s")
    assert secrets.value("orders/db#password") == "s3cret"
    vault.revoke_all()
    assert secrets.value("orders/other#a") == "1"
    assert vault.requests.count("POST /v1/auth/approle/login") == 2


def test_what_a_token_may_not_read_makes_no_new_token(vault: VaultStub, open_vault: Open):
    vault.approles["approle", "r:s"] = {"paths": {"secret/other"}}
    secrets = open_vault(role_id="r", secret_id="s")
    for _ in range(3):
        with pytest.raises(Invalid, match="does not let this server read"):
            secrets.value("orders/db#password")
    assert vault.requests.count("POST /v1/auth/approle/login") == 1


@pytest.mark.parametrize("renewable", [True, False])
def test_a_token_with_a_lease_outlives_it(vault: VaultStub, open_vault: Open, renewable: bool):
    vault.approles["approle", "r:s"] = {"ttl": 2, "renewable": renewable}
    secrets = open_vault(role_id="r", secret_id="s")
    secrets.start()
    secrets.value("orders/db#password")
    renewal = "POST /v1/auth/token/renew-self" if renewable else "POST /v1/auth/approle/login"
    wait_until(lambda: vault.requests.count(renewal) >= (1 if renewable else 2))
    vault.put("orders/other", a="1")
    assert secrets.value("orders/other#a") == "1"


# -- changes and outages ---------------------------------------------------------------------------


def test_a_change_is_told_once(vault: VaultStub, open_vault: Open, changed: list[str]):
    secrets = open_vault(refresh=0.3)
    secrets.start()
    assert secrets.value("orders/db#password") == "s3cret"
    assert secrets.value("orders/db#port") == "5432"
    vault.put("orders/db", password="new", port=5432)
    wait_until(lambda: changed)
    assert secrets.value("orders/db#password") == "new"
    secrets.renew()
    assert changed == ["orders/db#password"]


def test_a_change_that_another_user_of_the_secret_found_is_told(
    vault: VaultStub, open_vault: Open, changed: list[str]
):
    secrets = open_vault()
    secrets.value("orders/db#password")
    vault.put("orders/db", password="new")
    secrets._read_at.clear()  # as if it had been read long ago
    assert secrets.value("orders/db#password") == "new"
    assert changed == ["orders/db#password"]
    secrets.renew()
    assert secrets.value("orders/db#password") == "new"
    assert changed == ["orders/db#password"]


def test_what_others_had_missed_is_told_when_it_is_found(
    vault: VaultStub, open_vault: Open, changed: list[str]
):
    secrets = open_vault()
    with pytest.raises(Invalid):
        secrets.value("orders/none#a")
    vault.put("orders/none", a="1")
    assert secrets.value("orders/none#a") == "1"
    assert changed == ["orders/none#a"]


def test_what_was_missing_is_told_when_it_is_there(
    vault: VaultStub, open_vault: Open, changed: list[str]
):
    secrets = open_vault()
    for reference in ("orders/none#a", "orders/db#user"):
        with pytest.raises(Invalid):
            secrets.value(reference)
    secrets.renew()
    assert changed == []
    vault.put("orders/none", a="1")
    vault.put("orders/db", user="u")
    secrets.renew()
    assert changed == ["orders/db#user", "orders/none#a"]


@pytest.mark.parametrize("deleted", [True, False])
def test_a_secret_that_is_gone_changes_nothing_that_runs(
    vault: VaultStub, open_vault: Open, changed: list[str], deleted: bool
):
    secrets = open_vault()
    secrets.value("orders/db#password")
    if deleted:
        vault.delete("orders/db")
    else:
        vault.tokens["root"].paths = set()
    secrets.renew()
    assert changed == []
    with pytest.raises(Invalid):
        secrets.value("orders/db#password")


def test_an_outage_keeps_the_last_value(vault: VaultStub, open_vault: Open, caplog: Any):
    secrets = open_vault()
    secrets.value("orders/db#password")
    vault.sealed = True
    with pytest.raises(Unavailable, match="status 503: it is sealed"):
        secrets.renew()
    secrets._read_at.clear()  # as if it had been read long ago
    assert secrets.value("orders/db#password") == "s3cret"
    with pytest.raises(Unavailable, match="status 503: it is sealed"):
        secrets.value("orders/other#a")
    assert "s3cret" not in caplog.text


def test_an_outage_is_told_once_until_it_is_over(
    vault: VaultStub, open_vault: Open, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")

    def told(text: str) -> int:
        return [record.getMessage() for record in caplog.records].count(text)

    secrets = open_vault(refresh=0.3)
    secrets.value("orders/db#password")
    vault.sealed = True
    secrets.start()
    begun = len(vault.requests)
    wait_until(lambda: len(vault.requests) >= begun + 2)
    over = "the vault answers again"
    assert (
        told("secrets keep their last values: the vault answered with status 503: it is sealed")
        == 1
    )
    assert told(over) == 0
    vault.sealed = False
    wait_until(lambda: told(over) == 1)


def test_nobody_waits_in_line_for_a_vault_that_does_not_answer(vault: VaultStub, open_vault: Open):
    vault.delay = 1.0
    secrets = open_vault(timeout=0.2)
    begin = time.monotonic()

    def ask(number: int) -> None:
        with pytest.raises(Unavailable):
            secrets.value(f"orders/{number}#a")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin < 3
    vault.delay = 0


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"data": {"data": null}}', b"\xff"])
def test_an_answer_that_is_not_the_api(vault: VaultStub, open_vault: Open, answer: bytes):
    vault.raw_answer = answer
    with pytest.raises(Unavailable, match="the vault answered what is not its API"):
        open_vault().value("orders/db#password")


def test_a_vault_that_is_not_there(open_vault: Open):
    secrets = open_vault(address="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="the vault cannot be asked"):
        secrets.value("orders/db#password")
