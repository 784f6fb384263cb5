"""Services by mouse: deployed, looked at, invoked, rolled back; messages that failed, replayed."""

from __future__ import annotations

import falcon.testing
import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until
from hansa_web.api import JsonObject
from hansa_web.posted import read_posted

from plugins.web.tests.conftest import Browser

SOURCE = '''from hansa import Service


class Greet(Service):
    """Greet <b>somebody</b>."""

    def handle(self):
        name = self.request.input["name"]
        if name == "nobody":
            raise ValueError("nobody is greeted")
        return {"greeting": "%s, " + name}
'''
DEPLOY = "/tests/deploy"


@pytest.fixture(scope="module", autouse=True)
def deployed(server: RunningServer) -> None:
    """The service in its first version."""
    server.deploy("greeting.py", SOURCE % "Hello")


def test_a_source_is_deployed_looked_at_and_rolled_back(browser: Browser) -> None:
    answer = browser.post(DEPLOY, {"file": "greeting.py", "source": SOURCE % "Bye"})
    assert answer.status_code == 303, answer.text
    assert "greeting.py version 2 serves" in browser.get("/tests/services?filter=greet").text
    page = browser.get("/tests/services/greeting.greet")
    assert "Greet &lt;b&gt;somebody&lt;/b&gt;." in page.text
    path = "/tests/services/greeting.greet/source"
    page = browser.get(f"{path}?against=1")
    assert 'class="removed">-        return' in page.text and 'class="k">class</span>' in page.text
    assert browser.post(path, {"version": "1"}).status_code == 303
    assert "greeting.py version 1 serves" in browser.get(path).text


def test_deployed_services_come_first_and_those_of_plugins_are_hidden(browser: Browser) -> None:
    page = browser.get("/tests/services").text
    assert "/tests/services/greeting.greet" in page and "/tests/services/admin." not in page
    assert "show built-in (" in page
    page = browser.get("/tests/services?builtin=yes").text
    rows = page.partition("<tbody>")[2]
    assert 0 < rows.index("greeting.greet") < rows.index("/tests/services/admin.")
    assert 'name="builtin" value="yes" checked' in page
    assert "builtin=yes" in page.partition('rel="next"')[2].partition(">")[0]
    page = browser.get("/tests/services?filter=service.list").text
    assert "No deployed service has a name" in page and "show built-in (1)" in page


def test_a_source_with_a_fault_comes_back_with_it(browser: Browser) -> None:
    answer = browser.post(DEPLOY, {"file": "broken.py", "source": "def <script>"})
    assert answer.status_code == 422
    assert "Not deployed" in answer.text and "def &lt;script&gt;" in answer.text
    assert browser.post(DEPLOY, {"file": "", "source": ""}).status_code == 422


def test_each_uploaded_file_keeps_its_own_source(browser: Browser, server: RunningServer) -> None:
    browser.get(DEPLOY)
    fields = (
        ('name="form_token"', browser.token),
        ('name="upload"; filename="blank_upload.py"', ""),
        ('name="upload"; filename="full_upload.py"', "RATE = 1\n"),
    )
    parts = "".join(
        f"--edge\r\nContent-Disposition: form-data; {field}\r\n\r\n{text}\r\n"
        for field, text in fields
    )
    answer = browser.client.simulate_post(
        DEPLOY,
        body=f"{parts}--edge--\r\n",
        cookies=browser.cookies,
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    assert answer.status_code == 303, answer.text
    for file, source in (("blank_upload.py", ""), ("full_upload.py", "RATE = 1\n")):
        assert server.api("admin.service.source", file=file)["files"] == {file: source}


def test_no_chosen_file_is_no_file() -> None:
    part = 'Content-Disposition: form-data; name="upload"; filename=""\r\n\r\n'
    request = falcon.testing.create_req(
        method="POST",
        body=f"--edge\r\n{part}\r\n--edge--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    assert read_posted(request).fields == {}


def test_a_service_is_invoked(browser: Browser) -> None:
    path = "/tests/services/greeting.greet/invoke"
    answer = browser.post(path, {"payload": '{"name": "<Ada>"}'})
    assert answer.status_code == 200
    assert "&lt;Ada&gt;" in answer.text and "Answered" in answer.text
    failed = browser.post(path, {"payload": '{"name": "nobody"}'})
    assert failed.status_code == 200 and "failed unexpectedly" in failed.text
    answer = browser.post(path, {"payload": "{"})
    assert answer.status_code == 422 and "line 1, column 2" in answer.text


def test_a_failed_message_is_edited_and_replayed(browser: Browser, server: RunningServer) -> None:
    source = (
        "from hansa import Service\n\n\nclass Start(Service):\n    def handle(self):\n"
        '        self.server.invoke_async("greeting.greet", {"name": "nobody"}, max_attempts=1)\n'
    )
    server.deploy("starting.py", source)
    if server.api("admin.server.status")["async"] is None:
        pytest.skip("no queue is installed")
    server.api("admin.service.invoke", name="starting.start")

    def failed() -> JsonObject:
        return server.api("admin.failed.list", service="greeting.greet")

    wait_until(lambda: failed()["total"] == 1, 30, "it fails")
    (message,) = failed()["items"]
    page = browser.get("/tests/failed?service=greeting.greet")
    assert "nobody is greeted" in page.text and "1 group, 1 message" in page.text
    assert message["id"] in browser.get(f"/tests/failed/groups/{message['group']}").text
    path = f"/tests/failed/messages/{message['id']}"
    page = browser.get(path)
    assert "Traceback" in page.text and "nobody" in page.text
    assert browser.post(path, {"payload": "{"}).status_code == 422
    assert browser.get(f"/tests/failed/replay?group={message['group']}").status_code == 200
    delete = f"/tests/failed/delete?group={message['group']}"
    assert browser.post(delete, {"count": "7"}).status_code == 422
    assert failed()["total"] == 1
    answer = browser.post(path, {"payload": '{"name": "Ada"}', "action": "replay"})
    assert answer.status_code == 303, answer.text
    assert "1 message went back" in browser.get("/tests/failed").text
    wait_until(lambda: server.api("admin.queue.status")["queued"] == 0, 30, "it is carried out")
    assert failed()["total"] == 0
