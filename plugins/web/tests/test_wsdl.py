"""The WSDL of a service and of a channel by mouse: shown, downloaded, uploaded, refused, forgotten."""

from __future__ import annotations

from urllib.parse import quote

from hansa_devkit.harness.api_server import RunningServer

from plugins.web.tests.conftest import CLUSTER, Browser

SOURCE = """
from hansa import Model, Service


class Tell(Service):
    class Output(Model):
        said: str

    def handle(self):
        return {"said": "told"}
"""


def test_it_is_shown_uploaded_and_forgotten(browser: Browser, server: RunningServer) -> None:
    server.deploy("wsdlteller.py", SOURCE)
    server.api(
        "admin.channel.soap.create", name="teller", url_path="/teller", service="wsdlteller.tell"
    )
    path = f"/{CLUSTER}/services/wsdlteller.tell"
    # a name that is not ASCII is that of a file, too
    server.api(
        "admin.channel.soap.create", name="größe ☂", url_path="/unicode", service="wsdlteller.tell"
    )
    umbrella = f"/{CLUSTER}/wsdl/channel/{quote('größe ☂')}"
    assert browser.get(umbrella).status_code == 200
    file = browser.post(umbrella, {"action": "download"})
    assert file.status_code == 200 and "<wsdl:definitions" in file.text
    wanted_name = f"filename*=UTF-8''{quote('größe.wsdl')}"
    assert wanted_name in file.headers["content-disposition"]
    server.api("admin.channel.soap.delete", name="größe ☂")
    assert f'href="{path}/wsdl">WSDL</a>' in browser.get(path).text
    assert (
        f'href="/{CLUSTER}/wsdl/channel/teller">WSDL</a>'
        in browser.get(f"/{CLUSTER}/channel/soap/teller").text
    )
    page = browser.get(f"{path}/wsdl")
    assert page.status_code == 200 and "derived from services" in page.text
    assert int(page.headers["x-admin-calls"]) <= 2
    wanted = {"action": "download", "address": "https://api.example.com"}
    file = browser.post(f"{path}/wsdl", wanted)
    assert 'filename="wsdlteller.tell.wsdl"' in file.headers["content-disposition"]
    assert "https://api.example.com/teller" in file.text
    ours = file.text.replace('name="PortType">', 'name="PortType"><!-- <b>ours</b> -->')
    browser.get(f"{path}/wsdl")
    done = browser.post(f"{path}/wsdl", {"action": "upload", "text": ours.replace("\n", "\r\n")})
    assert done.status_code == 303, done.text
    shown = browser.get(f"/{CLUSTER}/wsdl/channel/teller").text
    assert "It is that of channel soap teller." in shown and "&lt;b&gt;ours" in shown
    here = f"/{CLUSTER}/wsdl/channel/teller"
    refused = browser.post(here, {"action": "upload", "text": "<a>&amp;</a>"})
    assert refused.status_code == 422 and "is no WSDL 1.1" in refused.text
    assert "&lt;a&gt;&amp;amp;&lt;/a&gt;" in refused.text, "what was typed is kept"
    assert browser.post(here, {"action": "delete"}).status_code == 303
    assert "derived from services" in browser.get(here).text
    assert browser.get(f"/{CLUSTER}/wsdl/security/teller").status_code == 404
    assert browser.post(here, {"action": "explode"}).status_code == 422
