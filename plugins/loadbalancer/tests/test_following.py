"""A load-balancer that follows its cluster: servers that are listed to it get requests, those that
are listed no more are forgotten after a while, and what is no list changes nothing.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hansa import Invalid
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer import following
from hansa_loadbalancer.following import Following
from hansa_loadbalancer.members import checked
from hansa_loadbalancer.settings import LoadBalancerSection, read

from plugins.loadbalancer.tests.support import Posts

SECRET = "a-secret-of-some-length"


def test_a_listed_server_gets_requests_without_a_reload(start, backends):
    one, two = backends
    one.proof = two.proof = SECRET
    one.members = two.members = {each.name: each.address for each in backends}
    balancer = start({"one": one.address}, follow=True, proxy_secret=SECRET)
    with Posts(balancer.port) as posts:
        wait_until(lambda: sum(two.seen.values()) > 5, 30)
        one.stop()
        wait_until(lambda: not balancer.status("one").startswith("UP"), 30)
        posts.wait_for(20)
    assert balancer.control.about().how == "live"
    assert {server["name"] for server in balancer.control.servers()} == {"one", "two"}
    one.start()
    # the other one is asked where the first does not answer
    one.members = {}
    two.members = {"one": one.address, "two": two.address, "three": "127.0.0.1:9"}
    wait_until(lambda: "three" in balancer.config.read_text(), 30)


def test_who_does_not_know_the_secret_learns_nothing(start, backends):
    one, two = backends
    one.proof, one.members = "another-secret-of-length", {"two": two.address}
    balancer = start({"one": one.address}, follow=True, proxy_secret=SECRET)
    log = balancer.dir / "logs" / "load-balancer.log"
    wait_until(lambda: "answers 403" in log.read_text(), 30)
    assert two.name not in balancer.config.read_text()
    assert balancer.get("/x")[0] == 200


@pytest.fixture
def asking(start, backends, monkeypatch):
    """What asks the first of two backends, which then lists itself alone; nobody else asks it."""
    one, two = backends
    one.proof, one.members = SECRET, {"one": one.address}
    servers = {each.name: each.address for each in (one, two)}
    balancer = start(servers, follow=True, proxy_secret="not-the-secret-of-servers")
    text = balancer.config.read_text()
    other = balancer.folder / "asking.toml"
    other.write_text(text.replace("not-the-secret-of-servers", SECRET))
    made = Following(other, balancer.dir / "run")
    clock = [1000.0]
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    changed: list[str] = []
    monkeypatch.setattr(made._control, "change", lambda edit: changed.append(edit(text)))
    return made, clock, changed


def test_one_that_is_listed_no_more_is_forgotten_after_a_while(asking):
    made, clock, changed = asking
    for _ in range(int(following.ABSENCE)):
        made.ask_once()
        clock[0] += 1
    assert not changed
    clock[0] += 1
    made.ask_once()
    assert len(changed) == 1 and '"two"' not in changed[0] and '"one"' in changed[0]


def test_an_outage_forgets_nobody(asking):
    made, clock, changed = asking
    made.ask_once()
    # nobody answered meanwhile, and the first who does may not know all others yet
    clock[0] += following.ABSENCE * 10
    made.ask_once()
    assert not changed


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"servers": []},
        {"servers": {"one": 5}},
        {"servers": {"one": "127.0.0.1"}},
        {"servers": {"one": "127.0.0.1:80\nserver x"}},
    ],
)
def test_what_is_no_list_of_servers_is_refused(answer):
    with pytest.raises(ValueError, match="list"):
        checked(answer)


def test_a_name_that_would_break_a_line_is_refused():
    with pytest.raises((Invalid, ValueError)):
        checked({"servers": {"one\n": "127.0.0.1:80"}})


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"advertise": "*:17010"}, "advertise"),
        ({"advertise": "here"}, "advertise"),
        ({"follow": True}, "follow"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, fault):
    with pytest.raises(Invalid) as refused:
        LoadBalancerSection(**settings).check()
    assert list(refused.value.errors) == [fault]


def test_it_follows_nobody_by_default(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[loadbalancer]\n")
    assert read(path)[0].follow is False
