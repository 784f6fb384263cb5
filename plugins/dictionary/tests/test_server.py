"""Dictionaries and translations of a real server: by the admin API, the command line and
config.toml, and as services find them.
"""

from __future__ import annotations

import bz2
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError, RunningServer

from plugins.dictionary.tests.test_tables import ZATO
from tests.commands import hansa

CONFIG = """
# of the same kind, by another plugin
[data.cache.rates]

[data.dictionary."crm status"]
system = "crm"
key = "status"
values = ["new", "won"]

[data.translation."status for billing"]
system1 = "crm"
key1 = "status"
system2 = "billing"
key2 = "state"
rows = [{ value1 = "won", value2 = "open" }]

[security.basic.vera]
username = "vera"
password = "the long password of vera"

[account.account.vera]
roles = ["viewer"]
credentials = ["vera"]
"""
SOURCE = """
from hansa import Service


class Translated(Service):
    name = "orders.translated"

    def handle(self):
        asked = self.request.input
        return [self.translate(*asked), self.dictionary.has(*asked[:3])]


class Wrong(Service):
    name = "orders.wrong"

    def handle(self):
        return self.transalte("a", "b", "c", "d", "e")
"""
DIALECT = """
from zato.server.service import Service


class Translated(Service):
    name = "dialect.translated"

    def handle(self):
        asked = self.request.payload
        both = [self.translate(*asked), self.kvdb.translate(*asked), self.dictionary.systems()]
        self.response.payload = str(both)
"""
USD = {"system1": "shop", "key1": "currency", "value1": "USD"}
TO_LEDGER = {"system2": "ledger", "key2": "code"}


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    server = start_shared_server(
        CONFIG, workers=1, plugins=["cache", "dictionary", "roles", "zato"]
    )
    server.deploy("orders.py", SOURCE)
    server.deploy("dialect.py", DIALECT)
    return server


def invoked(server: RunningServer, service: str, payload: object = None) -> Any:
    return server.api("admin.service.invoke", name=service, payload=payload)["payload"]


@pytest.mark.evidence("real_server")
def test_services_find_what_is_defined(server: RunningServer):
    won = ["crm", "status", "won", "billing", "state"]
    assert invoked(server, "orders.translated", won) == ["open", True]
    assert invoked(server, "orders.translated", [*won[:2], "lost", *won[3:], "?"]) == ["?", False]
    assert "['open', 'open', ['crm'" in str(invoked(server, "dialect.translated", won))
    with pytest.raises(ApiError):
        invoked(server, "orders.wrong")
    assert "no attribute 'transalte'" in server.log()


def test_rows_are_changed_one_by_one_and_kept_in_history(server: RunningServer):
    api = server.api
    api("admin.translation.create", **USD, **TO_LEDGER, value2="841")
    before = api("admin.cluster.status")["revision"]
    edited = api("admin.translation.edit", **USD, **TO_LEDGER, value2="840")
    asked = ["shop", "currency", "USD", "ledger", "code"]
    assert invoked(server, "orders.translated", asked) == ["840", False]
    assert (edited["revision"], edited["pending"]) == (before + 1, [])
    again = api("admin.translation.edit", **USD, **TO_LEDGER, value2="840")
    assert again["revision"] is None
    listed = api("admin.translation.list", system1="shop", filter="us")
    assert listed["total"] == 1 and listed["items"][0]["value2"] == "840"
    assert {one["name"] for one in listed["directions"]} >= {"shop currency to ledger code"}
    with pytest.raises(ApiError) as refused:
        api("admin.translation.create", **USD, **TO_LEDGER, value2="1")
    assert refused.value.status == 409
    tried = api("admin.translation.translate", **USD, **TO_LEDGER)
    assert (tried["value2"], tried["found"], tried["hex"]) == ("840", "row", "383430")
    other = api("admin.translation.translate", **{**USD, "value1": "?"}, **TO_LEDGER)
    assert (other["value2"], other["found"]) == ("", "nothing")
    api("admin.translation.delete", **USD, **TO_LEDGER)
    assert api("admin.translation.list", system1="shop")["total"] == 0


def test_a_table_is_reverted_with_the_rest_of_the_configuration(server: RunningServer):
    config = server.api("admin.config.export")
    server.api("admin.dictionary.edit", system="crm", key="status", value="won", renamed="gained")
    listed = server.api("admin.translation.list", system1="crm")
    assert [one["value1"] for one in listed["items"]] == ["gained"]
    done = server.api("admin.config.apply", config=config)
    assert {one["type"] for one in done["changes"]} == {"dictionary", "translation"}
    assert server.api("admin.translation.list", system1="crm")["items"][0]["value1"] == "won"


def test_what_several_change_at_the_same_time_is_put_together(server: RunningServer):
    faults: list[Exception] = []

    def add(number: int) -> None:
        try:
            server.api("admin.dictionary.create", system="at", key="once", value=str(number))
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    listed = server.api("admin.dictionary.list", system="at")
    assert faults == []
    assert {one["value"] for one in listed["items"]} == {str(number) for number in range(6)}


def test_many_rows_are_one_import_and_take_effect_at_once(server: RunningServer):
    rows = [f"big,number,{number},words,name,value {number}" for number in range(10_000)]
    text = "\n".join(["system1,key1,value1,system2,key2,value2", *rows])
    planned = server.api("admin.dictionary.import", text=text, plan=True)
    assert (planned["created"], planned["revision"], len(planned["items"])) == (10_000, None, 200)
    began = time.monotonic()
    done = server.api("admin.dictionary.import", text=text)
    assert (done["created"], done["pending"]) == (10_000, [])
    asked = ["big", "number", "9999", "words", "name"]
    assert invoked(server, "orders.translated", asked) == ["value 9999", False]
    assert time.monotonic() - began < 20
    page = server.api("admin.translation.list", system1="big", offset=9_990, limit=50)
    assert (len(page["items"]), page["total"]) == (10, 10_000)


def test_the_command_line_does_the_same(server: RunningServer, tmp_path: Path):
    hansa(server, "dictionary", "create", "erp", "unit", "kg")
    hansa(server, "dictionary", "edit", "erp", "unit", "kg", "KGM")
    assert "KGM" in hansa(server, "dictionary", "list", "--system", "erp").stdout
    hansa(server, "translation", "create", "erp", "unit", "KGM", "shop", "unit", "kilogram")
    hansa(server, "translation", "edit", "erp", "unit", "KGM", "shop", "unit", "kilo")
    shown = hansa(server, "translation", "translate", "erp", "unit", "KGM", "shop", "unit")
    assert "kilo" in shown.stdout
    used = hansa(server, "dictionary", "delete", "erp", "unit", "KGM", check=False)
    assert used.returncode and "is used by erp unit to shop unit" in used.stderr
    written = tmp_path / "rows.csv"
    hansa(server, "dictionary", "export", str(written), "--csv", "translations")
    assert "erp,unit,KGM,shop,unit,kilo" in written.read_text()
    hansa(server, "translation", "delete", "erp", "unit", "KGM", "shop", "unit")
    hansa(server, "dictionary", "delete", "erp", "unit", "KGM")
    planned = hansa(server, "dictionary", "import", str(written), "--plan").stdout
    assert "planned: 1 new, 0 changed, 0 deleted" in planned and "KGM" in planned
    everything = tmp_path / "all.json"
    hansa(server, "dictionary", "export", str(everything))
    assert {"dictionaries", "translations"} == set(json.loads(everything.read_text()))
    compressed = tmp_path / "zato.bz2"
    compressed.write_bytes(bz2.compress(json.dumps(ZATO).encode()))
    done = hansa(server, "dictionary", "import", str(compressed)).stdout
    assert "imported: 3 new, 0 changed, 0 deleted, revision" in done


def test_a_viewer_looks_and_changes_nothing(server: RunningServer):
    auth = ("vera", "the long password of vera")
    seen = server.post("/hansa/api/admin.dictionary.list", {}, auth=auth)
    assert seen.status_code == 200
    value = {"system": "a", "key": "b", "value": "c"}
    for service in ("admin.dictionary.create", "admin.dictionary.delete"):
        assert server.post(f"/hansa/api/{service}", value, auth=auth).status_code == 403
    file = {"text": "system,key,value\na,b,c\n"}
    for asked in (file, {**file, "plan": True}):
        refused = server.post("/hansa/api/admin.dictionary.import", asked, auth=auth)
        assert refused.status_code == 403
