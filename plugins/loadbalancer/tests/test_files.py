"""Changes of a configuration file keep what a person wrote; what lies in the run folder is believed
only if it is true.
"""

from __future__ import annotations

import os

import pytest
from hansa import NotFound, Secret, Unavailable, started_at
from hansa_loadbalancer.control import Control
from hansa_loadbalancer.files import (
    ABOUT,
    SOCKET,
    SOURCE,
    About,
    locked,
    read_about,
    settings_of,
    with_changes,
    with_server,
    without_server,
)
from hansa_loadbalancer.generate import generate
from hansa_loadbalancer.logs import AccessLog
from hansa_loadbalancer.settings import BalancedServer, LoadBalancerSection, parse

TABLES = """# mine
[loadbalancer]
bind = "127.0.0.1:1"  # here

[[loadbalancer.servers]]
name = "one"  # the first
address = "127.0.0.1:2"

[[loadbalancer.servers]]
name = "two"
address = "127.0.0.1:3"

[loadbalancer.timeouts]
client = 5.0
"""
INLINE = """[loadbalancer]
servers = [
    { name = "one", address = "127.0.0.1:2" },  # the first
    { name = "two", address = "127.0.0.1:3" },
]
"""
NONE = '[loadbalancer]\nbind = "127.0.0.1:1"\n'


def servers(text: str, tmp_path) -> dict[str, BalancedServer]:
    return {server.name: server for server in parse(tmp_path, text).servers}


@pytest.mark.parametrize("text", [TABLES, INLINE, NONE, NONE + "servers = []\n"])
def test_a_server_is_added_changed_and_removed(text, tmp_path):
    before = servers(text, tmp_path)
    three = BalancedServer(name="three", address="127.0.0.1:4", weight=7)
    text = with_server(text, settings_of(three))
    assert servers(text, tmp_path) == {**before, "three": three}
    text = with_changes(text, "three", {"weight": 9, "state": "drain"})
    assert (servers(text, tmp_path)["three"].weight, servers(text, tmp_path)["three"].state) == (
        9,
        "drain",
    )
    assert servers(without_server(text, "three"), tmp_path) == before


@pytest.mark.parametrize("text", [TABLES, INLINE])
def test_all_servers_can_be_removed_and_one_added_again(text, tmp_path):
    text = without_server(without_server(text, "one"), "two")
    assert servers(text, tmp_path) == {}
    assert (
        servers(with_server(text, {"name": "a", "address": "b:1"}), tmp_path)["a"].address == "b:1"
    )


def test_comments_and_other_settings_stay(tmp_path):
    text = with_changes(TABLES, "two", {"weight": 5})
    assert text == TABLES.replace(
        'address = "127.0.0.1:3"\n', 'address = "127.0.0.1:3"\nweight = 5\n'
    )
    assert "# the first" in with_changes(INLINE, "two", {"weight": 5})
    text = without_server(TABLES, "two")
    assert text.startswith("# mine\n")
    assert "# the first" in text
    assert "client = 5.0" in text


def test_an_unknown_server_is_told_with_those_there_are():
    for change in (lambda: without_server(TABLES, "x"), lambda: with_changes(TABLES, "x", {})):
        with pytest.raises(NotFound, match=r"no server 'x' \(there are: one, two\)"):
            change()
    with pytest.raises(NotFound, match="there are: none"):
        without_server(NONE, "x")


def test_a_load_balancer_that_does_not_run_is_not_believed(tmp_path):
    with pytest.raises(Unavailable, match="no load-balancer runs"):
        read_about(tmp_path)
    own = started_at(os.getpid())
    assert own is not None
    about = About(os.getpid(), own, "c", "u", "h", "v")
    (tmp_path / ABOUT).write_text(about.as_json())
    assert read_about(tmp_path) == about
    about.start -= 1  # another process had this id
    (tmp_path / ABOUT).write_text(about.as_json())
    with pytest.raises(Unavailable, match="does not run"):
        read_about(tmp_path)
    (tmp_path / "load-balancer.json").write_text("{")
    with pytest.raises(Unavailable):
        read_about(tmp_path)
    with pytest.raises(Unavailable, match=r"\[loadbalancer\] socket"):
        Control("")


def test_a_secret_is_not_shown_also_while_a_change_of_it_is_not_in_force(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(NONE + "proxy_secret = 'the-next-one-1234'\n")
    section = LoadBalancerSection(proxy_secret=Secret("the-last-one-1234"))
    (tmp_path / SOURCE).write_text(generate(section, tmp_path).text)
    own = started_at(os.getpid())
    assert own is not None
    about = About(os.getpid(), own, str(config), "u", "h", "v")
    (tmp_path / ABOUT).write_text(about.as_json())
    shown = Control(str(tmp_path / SOCKET)).source()
    assert shown["stored"] == NONE + "proxy_secret = '********'\n"
    assert 'set-header X-Hansa-Proxy "********"' in shown["generated"]
    assert "one-1234" not in shown["generated"]


def test_locks_exclude(tmp_path):
    with (
        locked(tmp_path / "lock", wait=False) as first,
        locked(tmp_path / "lock", wait=False) as second,
    ):
        assert (first, second) == (True, False)
    with locked(tmp_path / "lock", wait=False) as again:
        assert again


def test_the_access_log_is_rotated_without_loss(tmp_path, monkeypatch):
    monkeypatch.setattr("hansa_loadbalancer.logs.ROTATE_AT", 100)
    log = AccessLog(tmp_path)
    for number in range(50):
        log.take(b'{"n": %02d}\nServer one is DOWN\n' % number)
    found = sorted(tmp_path.iterdir())
    assert [file.name for file in found] == [
        "access.log",
        *(f"access.log.{n}" for n in range(1, len(found))),
    ]
    assert 2 < len(found) <= 6
    lines = [line for file in reversed(found) for line in file.read_text().splitlines()]
    assert lines == [f'{{"n": {n:02d}}}' for n in range(50 - len(lines), 50)]
    assert found[0].stat().st_mode & 0o777 == 0o600
