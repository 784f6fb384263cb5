"""What stands around every page: whose sessions there are, how pages look, which cluster it is."""

from __future__ import annotations

import re
from typing import get_args

import falcon.testing
import pytest
from hansa import Invalid, load
from hansa_admin.cluster_settings import Colour
from hansa_devkit.harness.api_server import RunningServer
from hansa_web.api import Appearance
from hansa_web.application import build
from hansa_web.devices import device
from hansa_web.icon import COLOURS, icon_path
from hansa_web.rendering import static
from hansa_web.settings import WebSection
from hansa_web.view import View

from plugins.web.tests.conftest import CLUSTER, Browser

ME = f"/{CLUSTER}/me"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_my_sessions_end_one_by_one_or_all_others(server: RunningServer, stranger: Browser) -> None:
    others = [Browser(server.url) for _ in range(3)]
    for other in others:
        other.log_in(server.password)
    fields = {"cluster": CLUSTER, "user": "admin", "password": server.password}
    stranger.post("/login", fields, **{"User-Agent": FIREFOX})
    page = stranger.get(ME).text
    row = page.partition("Firefox on Linux</th>")[2].partition("</tr>")[0]
    assert "this one" in row and 'value="end"' not in row
    newest_other = page.partition("this one")[2].partition('name="session" value="')[2][:16]
    assert stranger.post(ME, {"action": "end", "session": newest_other}).status_code == 303
    assert [other.get(f"/{CLUSTER}/queue").status_code for other in others] == [200, 200, 303]
    assert stranger.post(ME, {"action": "others"}).status_code == 303
    assert "other sessions have ended" in stranger.get(ME).text
    assert others[0].get(f"/{CLUSTER}/queue").status_code == 303
    assert stranger.get(f"/{CLUSTER}/queue").status_code == 200


def test_an_administrator_ends_the_sessions_of_a_user(
    browser: Browser, stranger: Browser, server: RunningServer
) -> None:
    server.api(
        "admin.security.basic.create", name="ola", username="ola", password="a long password 1"
    )
    server.api("admin.account.create", name="ola", credentials=["ola"], roles=["viewer"])
    stranger.log_in("a long password 1", "ola")
    assert "Sessions</a>" not in stranger.get(f"/{CLUSTER}").text
    assert stranger.get(f"/{CLUSTER}/sessions").status_code == 403
    assert stranger.get(ME).status_code == 200
    page = browser.get(f"/{CLUSTER}/sessions").text
    assert "End all of ola" in page
    done = browser.post(f"/{CLUSTER}/sessions", {"action": "user", "user": "ola"})
    assert done.status_code == 303
    assert stranger.get(f"/{CLUSTER}/queue").status_code == 303


def test_pages_are_drawn_as_the_user_wants_them(browser: Browser) -> None:
    first = browser.get(ME).text
    assert 'class="system comfortable" data-keys data-zone' in first and "times are UTC" in first
    fields = {"zone": "Asia/Tokyo", "theme": "dark", "density": "compact", "action": "view"}
    answer = browser.post(ME, fields)
    cookie = answer.cookies["hansa-view"]
    assert cookie.http_only and cookie.same_site == "Lax"
    page = browser.get(ME).text
    assert '<html lang="en" class="dark compact">' in page
    assert 'name="color-scheme" content="dark"' in page
    assert "times are Asia/Tokyo" in page and " JST</time>" in page
    wrong = browser.post(ME, {**fields, "zone": "Mars/Phobos"})
    assert wrong.status_code == 422 and "there is no time zone Mars/Phobos" in wrong.text


def test_a_user_changes_the_password(server: RunningServer, stranger: Browser) -> None:
    first, second = "a password of pat 1", "a password of pat 2"
    server.api("admin.security.basic.create", name="pat", username="pat", password=first)
    server.api("admin.account.create", name="pat", credentials=["pat"], roles=["viewer"])
    other = Browser(server.url)
    for each in (stranger, other):
        assert each.log_in(first, "pat").status_code == 303
    assert "Password of pat" in stranger.get(ME).text
    asked = {"action": "password", "old": first, "new": second, "again": second}
    for fields, said in (
        ({"old": ""}, "enter the password that you log in with"),
        ({"old": "wrong"}, "the password is wrong"),
        ({"again": "x"}, "is not the new password"),
        ({"new": "pat", "again": "pat"}, 'aria-describedby="new-about"'),
        ({"new": first, "again": first}, "is the password that there is already"),
    ):
        refused = stranger.post(ME, {**asked, **fields})
        assert refused.status_code == 422 and said in refused.text, fields
        assert first not in refused.text and second not in refused.text
    before = dict(stranger.cookies)
    assert stranger.post(ME, asked).status_code == 303
    assert stranger.cookies != before, "the token of the session is another one (ASVS 7.2.4)"
    page = stranger.get(ME)
    assert page.status_code == 200 and "1 other session has ended" in page.text
    assert other.get(f"/{CLUSTER}/queue").status_code == 303
    assert other.log_in(first, "pat").status_code == 401
    assert other.log_in(second, "pat").status_code == 303
    admin = Browser(server.url)
    admin.log_in(server.password)
    refused = admin.post(ME, {**asked, "old": server.password})
    assert refused.status_code == 422 and "hansa update password" in refused.text


@pytest.mark.parametrize("text", ["", "zone=x&theme=<b>&density=&keys=", "%ff%00", "=" * 10_000])
def test_a_cookie_of_nonsense_is_the_default(text: str) -> None:
    assert View.read(text, "nowhere") == View()


def test_the_zone_of_the_browser_counts_until_one_is_chosen(browser: Browser) -> None:
    browser.cookies["hansa-zone"] = "Europe/Berlin"
    assert "times are Europe/Berlin" in browser.get(ME).text
    assert View.read("zone=UTC", "Europe/Berlin").zone == "UTC"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("curl/8.0", "curl/8.0"),
        ("", "unknown"),
    ],
)
def test_devices_in_words(agent: str, words: str) -> None:
    assert device(agent) == words


def test_the_icon_has_colour_and_letter(browser: Browser) -> None:
    browser.api.appearance = Appearance("\u2713 prod & <b>", "red", True)
    page = browser.get(f"/{CLUSTER}/help").text
    assert '<link rel="icon" href="/static/icon/red-P.svg">' in page
    icon = browser.get("/static/icon/red-P.svg")
    assert COLOURS["red"] in icon.text and ">P</text>" in icon.text
    assert icon.headers["content-type"] == "image/svg+xml"
    assert icon_path("mauve", "") == "/static/icon/grey-H.svg"
    assert set(COLOURS) == set(get_args(Colour)) - {""}
    sheet = static("web.css").decode()
    for name, colour in COLOURS.items():
        rule = f".band.{name} {{ background: {colour}; }}" if name != "grey" else colour
        assert rule in sheet, name
    for name in ("mauve-P.svg", "red-%3C.svg", "red-PP.svg"):
        assert browser.get(f"/static/icon/{name}").status_code == 404


def test_clusters_of_one_colour_are_told_to_administrators(server: RunningServer) -> None:
    browser = Browser(server.url, "twin")
    browser.log_in(server.password)
    assert "the same colour" not in browser.get("/").text
    browser.log_in(server.password, cluster="twin")
    assert "tests and twin have the same colour" in browser.get("/").text
    assert "tests has the colour of this cluster" in browser.get("/twin").text


def test_hsts_is_a_setting_and_needs_a_certificate() -> None:
    with pytest.raises(Invalid, match="needs a certificate"):
        load(WebSection, {"hsts": 60})
    section = load(WebSection, {"hsts": 60, "certificate": "x.pem"})
    client = falcon.testing.TestClient(build(section, []))
    assert client.simulate_get("/login").headers["strict-transport-security"] == "max-age=60"


def test_help_names_every_key(browser: Browser) -> None:
    page = browser.get(f"/{CLUSTER}/help").text
    assert "retrying" in page and "switch them off" in page
    places = re.search(r"PLACES = \{(.*?)\}", static("web.js").decode())
    assert places is not None
    letters = re.findall(r"(\w): \"", places[1])
    assert len(letters) == 7
    for letter in letters:
        assert f"<kbd>g {letter}</kbd>" in page, letter
