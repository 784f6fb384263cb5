"""Redis as services use it: text, locks held once, data dictionaries. Against a real Valkey."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import redis
from hansa import Unavailable
from hansa_devkit.harness.waiting import wait_until
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


@pytest.fixture
def service(cached: Any) -> Any:
    found: list[Any] = []
    cached.call(type("Some", (Service,), {"handle": lambda self: found.append(self)}), "{}")
    return found[0]


def test_text_not_bytes(service: Any) -> None:
    service.kvdb.conn.set("a", "ż")
    assert service.kvdb.conn.get("a") == "ż"
    assert service.kvdb.conn.get("nothing") is None


def test_without_redis(server: Facade) -> None:
    found: list[Any] = []
    server.call(type("Some", (Service,), {"handle": lambda self: found.append(self)}), "{}")
    with pytest.raises(Unavailable):
        _ = found[0].kvdb.conn


def test_publish(service: Any) -> None:
    with service.kvdb.conn.pubsub() as subscription:
        subscription.subscribe("news")
        assert subscription.get_message(timeout=5)["type"] == "subscribe"
        service.kvdb.publish("news", {"a": 1})
        assert subscription.get_message(timeout=5)["data"] == '{"a": 1}'


def test_translate(service: Any) -> None:
    service.kvdb.conn.hset(
        "zato:kvdb:data-dict:translation:::crm:::status:::1:::billing:::state",
        mapping={"value2": "active", "id": 1},
    )
    assert service.translate("crm", "status", "1", "billing", "state") == "active"
    assert service.kvdb.translate("crm", "status", "2", "billing", "state", "unknown") == "unknown"
    assert service.translate("crm", "status", "2", "billing", "state") == ""


@pytest.mark.parametrize("options", [{"expires": 5, "timeout": 0.05}, {"ttl": 5, "block": 0.05}])
def test_a_lock_is_held_once(service: Any, options: dict[str, float]) -> None:
    with service.lock("books", **options):
        assert service.kvdb.conn.exists("zato:lock:service:books") == 1
        assert 0 < service.kvdb.conn.pttl("zato:lock:service:books") <= 5000
        with pytest.raises(redis.exceptions.LockError), service.lock("books", **options):
            pytest.fail("it was free")
        with service.lock("other", **options):
            pass
    assert service.kvdb.conn.exists("zato:lock:service:books") == 0


def test_a_lock_is_waited_for(service: Any) -> None:
    order: list[str] = []
    held, waiting = threading.Event(), threading.Event()

    def first() -> None:
        with service.lock("books"):
            held.set()
            waiting.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert held.wait(10)
    waiting.set()
    with service.lock("books", 20, 10):
        order.append("second")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_without_a_name_is_that_of_the_service(service: Any) -> None:
    with service.lock():
        assert service.kvdb.conn.exists(f"zato:lock:service:{service.name}")


def test_a_lock_ends_by_itself(service: Any) -> None:
    lock = service.lock("short", ttl=0.05)
    assert lock.acquire()
    wait_until(lambda: not service.kvdb.conn.exists("zato:lock:service:short"), 10)
    with service.lock("short", block=1):
        pass


def test_translate_asks_the_dictionary_where_it_is_loaded(service: Any) -> None:
    def translate(*asked: str) -> str:
        return "/".join(asked)

    service.server.registry.add_attributes("dictionary", {"translate": translate, "dictionary": 1})
    asked = ("crm", "status", "1", "billing", "state")
    assert service.translate(*asked) == "crm/status/1/billing/state/"
    assert service.kvdb.translate(*asked, default="x") == "crm/status/1/billing/state/x"
    assert service.dictionary == 1


def test_a_subscription_of_redis_itself(service: Any) -> None:
    subscription = service.kvdb.subscribe("news")
    found: list[Any] = []

    def heard() -> bool:
        service.kvdb.publish("news", {"a": 1})
        found.append(subscription.get_message(timeout=1))
        return found[-1] is not None

    wait_until(heard)
    assert json.loads(found[-1]["data"]) == {"a": 1}
    subscription.close()


def test_scripts_in_redis(service: Any, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "repo" / "lua" / "user"
    folder.mkdir(parents=True)
    (folder / "add.lua").write_text("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    (folder.parent / "other.lua").write_text("return 1")
    assert service.kvdb.run_lua("add", ["n"], [5]) == 5
    assert service.kvdb.run_lua("add.lua", ["n"], [5]) == 10
    for wrong in ("nope", "../other"):
        with pytest.raises(KeyError, match=r"zato\.lua_dir"):
            service.kvdb.run_lua(wrong)
