"""Every shape of a JSON Schema has a widget, and what is posted from it is what was meant."""

from __future__ import annotations

import re

import pytest
from hansa_cli.schema import Schema
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.forms.fields import field_groups

from plugins.web.tests.conftest import Browser

PATH = "/tests/outgoing/telegraph"
LEAST = {"sign": "OXZ", "code": "morse"}


def field(page: str, path: str) -> str:
    """The part of a page that is the field of a setting."""
    start = page.index(f'id="f-{path}"')
    return page[page.rindex('<div class="field', 0, start) : page.index('class="about"', start)]


def saved(
    browser: Browser, server: RunningServer, name: str, **fields: object
) -> dict[str, object]:
    """What is stored of a form."""
    answer = browser.post(f"{PATH}/new", {**LEAST, "name": name, **fields})
    assert answer.status_code == 303, answer.text
    found: dict[str, object] = server.api("admin.outgoing.telegraph.get", name=name)
    return found


def edited(
    browser: Browser, server: RunningServer, name: str, **fields: object
) -> dict[str, object]:
    """What is stored after an edit."""
    found = re.search(
        r'name="seen_revision" value="(\d+)"', browser.get(f"{PATH}/{name}/edit").text
    )
    assert found is not None
    answer = browser.post(f"{PATH}/{name}/edit", {"seen_revision": found[1], **fields})
    assert answer.status_code == 303, answer.text
    stored: dict[str, object] = server.api("admin.outgoing.telegraph.get", name=name)
    return stored


def test_choices_are_radio_buttons_up_to_four_and_nothing_is_one_of_them(
    browser: Browser, server: RunningServer
) -> None:
    page = browser.get(f"{PATH}/new").text
    assert field(page, "code").count('type="radio"') == 3
    assert '<option value="~none">none</option>' in field(page, "class_")
    assert saved(browser, server, "classless", class_="~none")["class_"] == ""
    assert '<option value="~none" selected>' in browser.get(f"{PATH}/classless/edit").text
    assert edited(browser, server, "classless", class_="")["class_"] == "day"


def test_objects_of_a_list_have_fields_of_their_own(
    browser: Browser, server: RunningServer
) -> None:
    page = browser.get(f"{PATH}/new").text
    assert "<legend>Operator 1</legend>" in page and 'name="operators[0].name"' in page
    typed = {"operators[0].name": "Ada", "operators[0].wire.speed": "30", "name": "crew"}
    more = browser.post(f"{PATH}/new", {**LEAST, **typed, "action": "add"})
    assert more.status_code == 200 and "<legend>Operator 2</legend>" in more.text
    assert 'value="Ada"' in more.text and 'class="fault"' not in more.text
    faulty = browser.post(f"{PATH}/new", {**LEAST, **typed, "operators[3].shifts": "9"})
    assert faulty.status_code == 422
    for path in ("operators[1].name", "operators[1].shifts"):
        assert 'aria-invalid="true"' in field(faulty.text, path), path
    typed |= {"operators[1].name": "Eve", "operators[1].shifts": "2"}
    stored = saved(browser, server, **{**typed, "name": "crew"})
    assert stored["operators"] == [
        {"name": "Ada", "wire": {"speed": 30}},
        {"name": "Eve", "shifts": 2},
    ]
    page = browser.get(f"{PATH}/crew/edit").text
    assert 'name="operators[1]~was" value="1"' in page and "<legend>Operator 3</legend>" in page
    kept = {"operators[0]~was": "0", "operators[1]~was": "1", **typed, "name": ""}
    removed = browser.post(f"{PATH}/crew/edit", {**kept, "action": "remove:operators[0]"})
    assert removed.status_code == 200 and 'value="Ada"' not in removed.text
    assert 'name="operators[0]~was" value="1"' in removed.text
    last = {"operators[0]~was": "1", "operators[0].name": "Eva", "operators[0].shifts": "2"}
    assert edited(browser, server, "crew", **last)["operators"] == [{"name": "Eva", "shifts": 2}]
    assert edited(browser, server, "crew", note="no field of operators is sent")["operators"] == []


def test_objects_by_key_have_a_field_for_the_key(browser: Browser, server: RunningServer) -> None:
    fields = {"rates[0]~key": "dk", "rates[0].price": "1.5", "rates[2]~key": "se"}
    faulty = browser.post(f"{PATH}/new", {**LEAST, "name": "rated", **fields})
    assert 'aria-invalid="true"' in field(faulty.text, "rates[1].price")
    stored = saved(browser, server, "rated", **fields, **{"rates[2].price": "2"})
    assert stored["rates"] == {"dk": {"price": 1.5}, "se": {"price": 2.0}}
    assert '<select id="f-rates[0].through"' in browser.get(f"{PATH}/rated/edit").text


def test_values_of_maps_and_lists_are_what_they_read_as(
    browser: Browser, server: RunningServer
) -> None:
    codes = {
        "codes~keys": ["a", "b", "c", "d", ""],
        "codes": ["5", "5", "true", "x", ""],
        "codes~kinds": ["", "text", "", "", ""],
    }
    stored = saved(browser, server, "coded", hours="7\r\n8", **codes)
    assert stored["codes"] == {"a": 5, "b": "5", "c": True, "d": "x"}
    assert stored["hours"] == [7, 8]
    assert browser.get(f"{PATH}/coded/edit").text.count('value="text" selected') == 1


def test_a_text_that_looks_like_a_number_and_no_value_at_all(
    browser: Browser, server: RunningServer
) -> None:
    page = browser.get(f"{PATH}/new").text
    assert "a whole number or a text" in page
    assert saved(browser, server, "few", limit="5")["limit"] == 5
    assert edited(browser, server, "few", limit="5", **{"limit~text": "yes"})["limit"] == "5"
    assert 'name="limit~text" value="yes" checked' in browser.get(f"{PATH}/few/edit").text
    assert edited(browser, server, "few", **{"limit~from": "~null"})["limit"] is None
    assert 'value="~null" selected' in browser.get(f"{PATH}/few/edit").text
    assert edited(browser, server, "few", limit="", **{"limit~from": ""})["limit"] == 10


def test_times_are_read_in_the_zone_beside_them(browser: Browser, server: RunningServer) -> None:
    browser.cookies["hansa-zone"] = "Europe/Berlin"
    page = browser.get(f"{PATH}/new").text
    assert 'name="opened~zone" value="Europe/Berlin"' in page
    local = {"opened": "2026-11-30T12:00:00", "opened~zone": "Europe/Berlin"}
    assert str(saved(browser, server, "open", **local)["opened"]).startswith("2026-11-30T1")
    assert 'value="2026-11-30T12:00:00"' in browser.get(f"{PATH}/open/edit").text
    for text, zone in (("2026-03-29T02:30:00", "Europe/Berlin"), ("2026-11-30T12:00", "Mars/X")):
        fields = {**LEAST, "name": "x", "opened": text, "opened~zone": zone}
        answer = browser.post(f"{PATH}/new", fields)
        assert 'aria-invalid="true"' in field(answer.text, "opened"), zone


def test_times_that_the_zone_of_the_user_does_not_have(
    browser: Browser, server: RunningServer
) -> None:
    browser.cookies["hansa-zone"] = "Europe/Berlin"
    last = "9999-12-31T23:59:59"
    server.api("admin.outgoing.telegraph.create", name="never", opened=f"{last}Z", **LEAST)
    page = browser.get(f"{PATH}/never/edit").text
    assert f'value="{last}"' in page and 'name="opened~zone" value="UTC"' in page
    unchanged = {"opened": last, "opened~zone": "UTC"}
    assert str(edited(browser, server, "never", **unchanged)["opened"]).startswith(last)
    first = {**LEAST, "name": "x", "opened": "0001-01-01T00:00", "opened~zone": "Europe/Berlin"}
    answer = browser.post(f"{PATH}/new", first)
    assert answer.status_code == 422 and "is outside of the years 1 to 9999" in answer.text
    filtered = browser.get("/tests/failed?since=0001-01-01")
    assert filtered.status_code == 422 and "is not a time" in filtered.text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a":\n ]', "line 2, column 2"),
        ("NaN", "there is no NaN"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_not_valid(browser: Browser, text: str, fault: str) -> None:
    answer = browser.post(f"{PATH}/new", {**LEAST, "name": "x", "extra": text})
    assert answer.status_code == 422 and fault in answer.text


def test_a_field_that_the_form_does_not_have_is_left_alone(
    browser: Browser, server: RunningServer
) -> None:
    saved(browser, server, "alone", note="kept", **{"prices~keys": "dk", "prices": "1"})
    stored = edited(browser, server, "alone", sign="OXY")
    assert (stored["sign"], stored["note"], stored["prices"]) == ("OXY", "kept", {"dk": "1"})


def test_groups_have_short_titles(server: RunningServer) -> None:
    found: set[str] = set()
    for one in server.api("admin.type.list")["items"]:
        described = server.api("admin.type.get", kind=one["kind"], type=one["type"])["schema"]
        groups = field_groups(Schema(described, described.get("$defs", {})))
        found.update(group.title for group in groups)
    assert {"TLS", "Login", "Limits", "Delivery", "CORS"} <= found
    assert {title for title in found if len(title) > 24 or "ettings of" in title} == set()
