"""A configuration that is edited as a text: judged by the load-balancer and its HAProxy, stored without
losing a request, refused with the line, and taken back.
"""

from __future__ import annotations

import json

import click
import pytest
from hansa import Conflict, Invalid, NotFound
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer.cli_source import _edited
from hansa_loadbalancer.generate import MASK, TEMPLATE
from hansa_loadbalancer.trial import Verdict
from hansa_loadbalancer.versions import KEPT, keep, versions

from plugins.loadbalancer.tests.support import Posts, both
from plugins.loadbalancer.tests.test_reload import exactly_once

SECRET = "only-the-balancer-knows"


@both
def test_an_edited_text_serves_without_losing_a_request_and_is_taken_back(start, backends):
    balancer = start(proxy_secret=SECRET)
    control = balancer.control
    stored = balancer.config.read_text()
    shown = control.source()
    assert MASK in shown["stored"]
    with Posts(balancer.port) as posts:
        edited = shown["stored"].replace("interval = 0.2", "interval = 0.3")
        verdict = control.check(edited, None)
        assert (verdict.faults, verdict.how) == ({}, "reload")
        assert "check inter 300ms" in verdict.generated
        assert SECRET not in verdict.generated
        assert balancer.config.read_text() == stored, "a check changes nothing"
        assert control.save(edited, None, shown["digest"], "ada") == "reload"
        posts.wait_for(30)
        text = balancer.config.read_text()
        assert text == stored.replace("interval = 0.2", "interval = 0.3")
        assert control.save(control.source()["stored"], None, "", "ada") == ""
        lighter = text.replace('name = "two"', 'weight = 3\nname = "two"')
        assert control.save(lighter, None, "", "grace") == "live"
        posts.wait_for(30)
        assert [(one.number, one.by) for one in control.versions()] == [(2, "grace"), (1, "ada")]
        assert control.source(1)["stored"] == shown["stored"]
        assert control.restore(1, "grace") == "reload"
        posts.wait_for(30)
    assert balancer.config.read_text() == stored
    assert [one.number for one in control.versions()] == [3, 2, 1]
    exactly_once(posts, *backends)


def test_what_is_refused_says_where_and_changes_nothing(start, backends):
    balancer = start()
    control = balancer.control
    stored = balancer.config.read_text()
    bad = stored.replace("interval = 0.2", "interval = 0").replace("# one", "\nweight = 999")
    faults = control.check(bad, None).faults
    lines = bad.splitlines()
    assert faults.keys() == {"loadbalancer.health.interval", "loadbalancer.servers[0].weight"}
    for key, line in (
        ("loadbalancer.health.interval", lines.index("interval = 0") + 1),
        ("loadbalancer.servers[0].weight", lines.index("weight = 999") + 1),
    ):
        assert faults[key].startswith(f"line {line}: "), faults
    with pytest.raises(Invalid) as refused:
        control.save(bad, None, "", "ada")
    assert refused.value.errors == faults
    with pytest.raises(Invalid) as refused:
        control.save("[loadbalancer\n", None, "", "ada")
    assert "line 1" in refused.value.errors["stored"]
    # what only HAProxy itself can tell: a certificate that is none
    (balancer.config.parent / "none.pem").write_text("none")
    by_haproxy = stored.replace("[loadbalancer]", '[loadbalancer]\ncertificate = "none.pem"')
    told = control.check(by_haproxy, None).faults
    assert told["loadbalancer.certificate"].startswith("line 3: HAProxy refuses it: "), told
    # a program that the next start could not run, and an address of somebody else
    program = stored.replace('haproxy = "', 'haproxy = "/nowhere')
    assert "is not a program" in control.check(program, None).faults["loadbalancer.haproxy"]
    taken = stored.replace(balancer.bind, backends[0].address)
    assert "in use" in control.check(taken, None).faults["loadbalancer.bind"]
    with pytest.raises(Conflict, match="read it again"):
        control.save(stored + "# more\n", None, "of another text", "ada")
    with pytest.raises(NotFound, match="no version 7"):
        control.restore(7, "ada")
    assert balancer.config.read_text() == stored
    assert control.versions() == []
    assert balancer.get("/x")[0] == 200


def test_nothing_that_is_judged_ends_the_load_balancer(start):
    balancer = start()
    control = balancer.control
    stored = balancer.config.read_text()
    for bind in ("a..b:80", f"{'a' * 64}.example:80"):
        told = control.check(stored.replace(balancer.bind, bind), None).faults
        assert "cannot be looked up" in told["loadbalancer.bind"], told
    deep = "[" * 50_000
    assert "nested too deeply" in control.check(f"{stored}\nx = {deep}", None).faults["stored"]
    shown = control.source()["template"]
    assert "cannot be judged" in control.check(stored, f"{shown}# \ud800").faults["loadbalancer"]
    # nor does what is stored by hand
    balancer.config.write_text(stored.replace(balancer.bind, "a..b:80"))
    wait_until(lambda: "cannot be looked up" in str(control.about().faults))
    balancer.config.write_text(stored)
    wait_until(lambda: not control.about().faults)
    assert control.save(stored + "# more\n", None, "", "ada") == "live"
    assert balancer.get("/x")[0] == 200


def test_a_template_of_ones_own_serves_and_the_plugins_again(start):
    balancer = start()
    control = balancer.control
    folder = balancer.config.parent
    shown = control.source()
    assert shown["template"] == TEMPLATE.read_text()
    pong = (
        "    http-request return status 200 content-type text/plain string pong if { path /ping }\n"
    )
    mine = shown["template"].replace("$front_rules\n", f"$front_rules\n{pong}")
    line = mine.splitlines().index(pong.rstrip()) + 1
    wrong = mine.replace("status 200", "status many")
    faults = control.check(shown["stored"], wrong).faults
    assert list(faults) == [f"loadbalancer.template, line {line}"], faults
    unknown = control.check(shown["stored"], mine + "$nobody\n").faults
    assert "there is no placeholder nobody" in unknown["loadbalancer.template"]
    with pytest.raises(Invalid):
        control.save(shown["stored"], wrong, "", "ada")
    assert not list(folder.glob("*.template"))
    assert control.save(shown["stored"], mine, "", "ada") == "reload"
    assert balancer.get("/ping")[2] == b"pong"
    [saved] = folder.glob("*.template")
    assert control.source()["template_in"] == str(saved)
    assert control.source()["template"] == mine
    # a restart has it, too
    balancer.stop()
    balancer.start()
    assert balancer.get("/ping")[2] == b"pong"
    assert control.save(control.source()["stored"], TEMPLATE.read_text(), "", "ada") == "reload"
    assert balancer.get("/ping")[0] == 200 and balancer.get("/ping")[2] != b"pong"
    assert "template" not in balancer.config.read_text()
    assert saved.exists(), "a version names it"
    assert control.restore(2, "ada") == "reload"
    assert balancer.get("/ping")[2] == b"pong"


def test_what_is_refused_after_it_was_judged_leaves_nothing_behind(start, monkeypatch):
    balancer = start()
    control = balancer.control
    shown = control.source()
    monkeypatch.setattr("hansa_loadbalancer.control.ask", lambda *_: Verdict("", {}, "reload"))
    with pytest.raises(Invalid):
        control.save(shown["stored"], shown["template"] + "$nobody\n", "", "ada")
    assert control.source() == shown
    assert control.versions() == []
    assert not list(balancer.config.parent.glob("*.template"))


def test_the_latest_versions_are_kept(tmp_path):
    for number in range(KEPT + 3):
        keep(tmp_path, f"text {number}", "ada")
    (tmp_path / "broken.json").write_text("{")
    kept = versions(tmp_path)
    assert len(kept) == KEPT
    assert kept[0].text == f"text {KEPT + 2}"
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("0*.json")} == {0o600}


def test_secrets_are_masked_however_they_are_written(start):
    balancer = start(run=False, proxy_secret=SECRET)
    text = balancer.config.read_text()
    for form in (f'proxy_secret = """{SECRET}"""', f'"proxy_secret" = {json.dumps(SECRET)}'):
        balancer.config.write_text(text.replace(f'proxy_secret = "{SECRET}"', form))
        balancer.start()
        shown = balancer.control.source()["stored"]
        assert SECRET not in shown
        assert balancer.control.save(shown + "# more\n", None, "", "") == "live"
        assert f"{form}" in balancer.config.read_text()
        balancer.stop()


def test_a_file_that_is_no_text_is_a_usage_error(tmp_path):
    file = tmp_path / "edited.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(click.UsageError, match="cannot be read"):
        _edited(file, None)
