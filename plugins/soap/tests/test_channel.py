"""What reaches which channel, and what callers are told when nothing does: over real HTTP."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import requests
from hansa import Invalid, Model, Service, load
from hansa_http.early import HttpSection
from hansa_soap.channel import SoapChannel, SoapSettings, action_of, version_of
from hansa_soap.envelope import V11, V12, Version
from lxml import etree


class Say(Service):
    name = "word.say"

    class Input(Model):
        word: str = "nothing"

    class Output(Model):
        said: str

    def handle(self) -> Any:
        binding = self.request.channel
        assert binding is not None
        return {"said": f"{binding.channel}: {self.request.input.word}"}


class Fail(Service):
    name = "word.fail"

    def handle(self) -> Any:
        return {"said": "\x00"}


def envelope(
    version: Version = V11, body: str = "<any><word>hi</word></any>", header: str = ""
) -> str:
    return f'<s:Envelope xmlns:s="{version.namespace}">{header}<s:Body>{body}</s:Body></s:Envelope>'


def post(
    site: Any,
    data: str | bytes | None = None,
    version: Version = V11,
    path: str = "/soap",
    **headers: str,
) -> requests.Response:
    content_type = headers.pop("content_type", version.content_type)
    data = envelope(version) if data is None else data
    return requests.post(
        f"{site.url}{path}", data=data, headers={"Content-Type": content_type, **headers}, timeout=5
    )


def fault(response: requests.Response) -> tuple[str, str]:
    """The code and the text of a fault, whatever its version; its detail must hold the cid of the header."""
    root = etree.fromstring(response.content)
    found = root.find("{*}Body/{*}Fault")
    assert found is not None, response.text
    texts = {etree.QName(e).localname: e.text for e in found.iter()}
    assert texts["cid"] == response.headers["X-Hansa-CID"]
    assert texts["status"] == str(response.status_code)
    code = texts["faultcode"] if "faultcode" in texts else texts["Value"]
    return str(code), str(texts["faultstring"] if "faultstring" in texts else texts["Text"])


def said(response: requests.Response) -> str:
    assert response.status_code == 200, response.text
    return etree.fromstring(response.content).findtext("{*}Body/{*}SayResponse/{*}said") or ""


@pytest.mark.parametrize("quoted", ["one", '"one"', "'one'"])
def test_the_action_decides_whatever_the_element_is(site: Any, quoted: str) -> None:
    site.add(Say, name="first", soap_action="one")
    site.add(Say, name="second", soap_action="two")
    assert said(post(site, SOAPAction=quoted)) == "first: hi"
    assert said(post(site, SOAPAction='"two"')) == "second: hi"
    assert (
        said(
            post(
                site,
                envelope(body='<x:own xmlns:x="urn:client"><x:word>there</x:word></x:own>'),
                SOAPAction="two",
            )
        )
        == "second: there"
    )


def test_what_curl_sends_by_default_is_soap_1_1(site: Any) -> None:
    site.add(Say, name="first", soap_action="one")
    assert (
        said(post(site, SOAPAction="one", content_type="application/x-www-form-urlencoded"))
        == "first: hi"
    )


@pytest.mark.parametrize("parameter", ['action="one"', "action=one", 'Action = "one"'])
def test_soap_1_2_has_its_action_in_the_content_type(site: Any, parameter: str) -> None:
    site.add(Say, name="first", soap_action="one", soap_version="1.2")
    site.add(Say, name="second", soap_action="two", soap_version="1.2")
    answer = post(
        site, version=V12, content_type=f"application/soap+xml; charset=utf-8; {parameter}"
    )
    assert said(answer) == "first: hi"
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"


def test_a_channel_without_an_action_takes_what_no_other_does(site: Any) -> None:
    site.add(Say, name="any")
    site.add(Say, name="one", soap_action="one")
    assert said(post(site, SOAPAction="one")) == "one: hi"
    assert said(post(site, SOAPAction="elsewhere")) == "any: hi"
    assert said(post(site)) == "any: hi"


@pytest.mark.parametrize("version", [V11, V12])
def test_an_unknown_action_is_a_fault_that_names_path_and_action(
    site: Any, version: Version
) -> None:
    site.add(Say, soap_action="one", soap_version=version.name)
    answer = post(site, version=version, SOAPAction='"elsewhere"')
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == version.content_type
    code, text = fault(answer)
    assert code == f"soap:{version.sender}"
    assert "/soap" in text
    assert "elsewhere" in text


def test_the_wrong_version_for_an_action(site: Any) -> None:
    site.add(Say, soap_action="one")
    answer = post(site, version=V12, SOAPAction="one")
    assert answer.status_code == 415
    code, text = fault(answer)
    assert code == "soap:Sender"
    assert "1.1" in text


def test_the_wrong_envelope_for_the_content_type(site: Any) -> None:
    site.add(Say)
    code, text = fault(post(site, envelope(V12)))
    assert code == "soap:VersionMismatch"
    assert "1.2" in text


@pytest.mark.parametrize("version", [V11, V12])
@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "the request is empty"),
        (" ", "not well-formed"),
        ("not xml", "not well-formed"),
        ("<a>", "not well-formed"),
        ("<a/>", "expected a SOAP"),
        ("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "DOCTYPE"),
        ("<s:Envelope/>", "prefix"),
        ("<s:Envelope xmlns:s='{ns}'/>", "no Body"),
        ("<s:Envelope xmlns:s='{ns}'><s:Header/></s:Envelope>", "no Body"),
        ("<s:Envelope xmlns:s='{ns}'><s:Body>text</s:Body></s:Envelope>", "holds text"),
        (
            "<s:Envelope xmlns:s='{ns}'><s:Header/><s:Header/><s:Body/></s:Envelope>",
            "its Header is out of place",
        ),
        (
            "<s:Envelope xmlns:s='{ns}'><s:Body/><s:Header/></s:Envelope>",
            "its Header is out of place",
        ),
        ("<s:Envelope xmlns:s='{ns}'><s:Body/><later/></s:Envelope>", "later after its Body"),
        (
            "<s:Envelope xmlns:s='{ns}'><s:Header><h s:mustUnderstand='9'/></s:Header><s:Body/>"
            "</s:Envelope>",
            "mustUnderstand of the header h is '9'",
        ),
        ("<s:Envelope xmlns:s='{ns}'><s:Body><a/><b/></s:Body></s:Envelope>", "holds 2"),
        (
            "<s:Envelope xmlns:s='{ns}'><s:Body><a/></s:Body><s:Body><a/></s:Body></s:Envelope>",
            "its Body is out of place",
        ),
        (
            "<s:Envelope xmlns:s='{ns}'><other/><s:Body><a/></s:Body></s:Envelope>",
            "where its Header or Body",
        ),
        (
            "<s:Envelope xmlns:s='{ns}'><s:Body><a><word>1</word><word>2</word></a></s:Body></s:Envelope>",
            "word: given more than once",
        ),
        (
            "<s:Envelope xmlns:s='{ns}'><s:Body><a><word><b/></word></a></s:Body></s:Envelope>",
            "word: expected text",
        ),
    ],
)
def test_bad_envelopes_are_the_senders_fault(
    site: Any, version: Version, body: str, text: str
) -> None:
    site.add(Say, soap_version=version.name)
    answer = post(site, body.replace("{ns}", version.namespace), version)
    assert answer.status_code == 400
    code, found = fault(answer)
    assert code == f"soap:{version.sender}"
    assert text in found


class Ready(Service):
    name = "word.ready"

    def handle(self) -> Any:
        return {"said": "ready"}


@pytest.mark.parametrize("version", [V11, V12])
def test_an_empty_body_runs_a_service_that_needs_no_input(site: Any, version: Version) -> None:
    empty = f"<s:Envelope xmlns:s='{version.namespace}'><s:Body/></s:Envelope>"
    site.add(Ready, soap_action="ready", soap_version=version.name)
    site.add(Say, name="say", soap_action="say", soap_version=version.name)
    answer = post(site, empty, version, SOAPAction="ready")
    assert answer.status_code == 200
    assert b"<said>ready</said>" in answer.content
    assert said(post(site, empty, version, SOAPAction="say")) == "say: nothing"


def test_elements_after_the_body_are_those_of_soap_1_1(site: Any) -> None:
    site.add(Say, name="first")
    site.add(Say, name="second", soap_version="1.2")
    for version, status in ((V11, 200), (V12, 400)):
        after = "</s:Body><x:y xmlns:x='urn:x'/></s:Envelope>"
        sent = envelope(version).replace("</s:Body></s:Envelope>", after)
        assert post(site, sent, version).status_code == status


@pytest.mark.parametrize("version", [V11, V12])
def test_an_envelope_of_nowhere_is_a_version_mismatch(site: Any, version: Version) -> None:
    site.add(Say, soap_version=version.name)
    answer = post(site, '<Envelope xmlns="urn:x"><Body><a/></Body></Envelope>', version)
    assert answer.status_code == 400
    assert fault(answer)[0] == "soap:VersionMismatch"
    if version is V12:
        assert (
            etree.fromstring(answer.content).find("{*}Header/{*}Upgrade/{*}SupportedEnvelope")
            is not None
        )


@pytest.mark.parametrize("version", [V11, V12])
def test_headers_that_must_be_understood(site: Any, version: Version) -> None:
    site.add(Say, name="here", soap_version=version.name, understood_headers=["{urn:h}known"])
    block = '<s:Header><h:{name} xmlns:h="urn:h" s:mustUnderstand="{must}" {more}/></s:Header>'

    def ask(name: str, must: str, more: str = "") -> requests.Response:
        return post(
            site, envelope(version, header=block.format(name=name, must=must, more=more)), version
        )

    assert said(ask("other", "0")) == "here: hi"
    assert said(ask("known", "1")) == "here: hi"
    assert said(ask("other", "1", f's:{version.role}="urn:somebody-else"')) == "here: hi"
    for must in "1", "true":
        answer = ask("other", must)
        assert answer.status_code == 400
        code, text = fault(answer)
        assert code == "soap:MustUnderstand"
        assert "{urn:h}other" in text
        if version is V12:
            block_back = etree.fromstring(answer.content).find("{*}Header/{*}NotUnderstood")
            assert block_back is not None
            assert block_back.get("qname") == "h:other"
            assert block_back.nsmap["h"] == "urn:h"


def test_other_methods(site: Any) -> None:
    site.add(Say)
    answer = requests.get(f"{site.url}/soap", timeout=5)
    assert answer.status_code == 405
    assert "?wsdl" in answer.text
    assert "POST" in answer.headers["Allow"]
    assert requests.put(f"{site.url}/soap", data="x", timeout=5).status_code == 405
    assert requests.get(f"{site.url}/soap?WSDL", timeout=5).status_code == 200
    assert requests.options(f"{site.url}/soap", timeout=5).status_code == 204


def test_the_wsdl_can_be_switched_off(site: Any) -> None:
    site.add(Say, wsdl=False)
    assert requests.get(f"{site.url}/soap?wsdl", timeout=5).status_code == 405


def test_an_answer_that_xml_cannot_hold_is_the_servers_fault(site: Any) -> None:
    site.add(Fail)
    answer = post(site)
    assert answer.status_code == 500
    code, text = fault(answer)
    assert code == "soap:Server"
    assert "U+0000" not in text


def test_an_edited_channel_takes_over_at_once(site: Any) -> None:
    old = site.add(Say, name="say", soap_action="one")
    site.add(Say, name="say", soap_action="two")
    wsdl = requests.get(f"{site.url}/soap?wsdl", timeout=5).content
    assert b'soapAction="two"' in wsdl
    assert b'soapAction="one"' not in wsdl
    old.stop()
    assert post(site, SOAPAction="one").status_code == 404
    assert said(post(site, SOAPAction="two")) == "say: hi"


def test_settings_name_all_their_faults() -> None:
    with pytest.raises(Invalid) as caught:
        load(SoapSettings, {"url_path": "no slash", "soap_action": 'a"b', "namespace": "not a uri"})
    assert set(caught.value.errors) == {"url_path", "soap_action", "namespace"}
    with pytest.raises(Invalid) as caught:
        load(SoapSettings, {"url_path": "/x", "soap_version": "2.0"})
    assert set(caught.value.errors) == {"soap_version"}


def test_what_only_one_channel_may_have() -> None:
    def claim(**settings: Any) -> list[str]:
        return list(SoapChannel.claims(load(SoapSettings, settings)))

    assert claim(url_path="/a/{b}", soap_action="x") == claim(url_path="/a/{c}", soap_action="x ")
    assert claim(url_path="/a", soap_action="x") != claim(url_path="/a", soap_action="y")
    assert claim(url_path="/a", soap_version="1.1") != claim(url_path="/a", soap_version="1.2")


@pytest.mark.parametrize(
    ("environ", "version", "action"),
    [
        ({}, "1.1", ""),
        ({"CONTENT_TYPE": "text/xml", "HTTP_SOAPACTION": '""'}, "1.1", ""),
        ({"CONTENT_TYPE": "text/xml; action=b", "HTTP_SOAPACTION": '"a"'}, "1.1", "a"),
        ({"CONTENT_TYPE": 'application/soap+xml;action="a b;c"'}, "1.2", "a b;c"),
        ({"CONTENT_TYPE": "Application/SOAP+XML; charset=utf-8; ACTION=urn:x"}, "1.2", "urn:x"),
        ({"CONTENT_TYPE": "application/soap+xml", "HTTP_SOAPACTION": "a"}, "1.2", "a"),
    ],
)
def test_where_version_and_action_are_found(
    environ: dict[str, str], version: str, action: str
) -> None:
    assert (version_of(environ), action_of(environ)) == (version, action)


@pytest.mark.parametrize("version", [V11, V12])
@pytest.mark.parametrize(
    ("encoding", "charset", "declared"),
    [
        ("latin-1", "ISO-8859-1", ""),
        ("latin-1", "ISO-8859-1", "utf-8"),
        ("utf-8", "utf-8", "iso-8859-1"),
        ("latin-1", "", "iso-8859-1"),
        ("utf-8-sig", "ISO-8859-1", ""),  # a byte order mark counts most (RFC 7303, section 3.2)
        ("utf-16", "utf-16", "utf-16"),
    ],
)
def test_the_charset_of_the_content_type_counts(
    site: Any, version: Version, encoding: str, charset: str, declared: str
) -> None:
    site.add(Say, name="say", soap_version=version.name)
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    sent = declaration + envelope(version, "<a><word>grün</word></a>")
    media_type = version.content_type.partition(";")[0]
    content_type = f"{media_type}; charset={charset}" if charset else media_type
    answer = post(site, sent.encode(encoding), version, content_type=content_type)
    assert said(answer) == "say: grün"


def test_a_charset_that_is_not_known_is_a_fault(site: Any) -> None:
    site.add(Say)
    answer = post(site, envelope(), content_type="text/xml; charset=none-such")
    assert answer.status_code == 400
    assert "none-such" in fault(answer)[1]


@pytest.mark.parametrize("version", [V11, V12])
def test_a_body_that_cannot_be_read_is_a_fault(site: Any, version: Version) -> None:
    site.add(Say, soap_version="1.1" if version is V11 else "1.2")
    largest = HttpSection().max_body
    damaged = post(site, b"no gzip", version, **{"Content-Encoding": "gzip"})
    assert (damaged.status_code, fault(damaged)[1]) == (
        400,
        "the body is not valid gzip, or is cut off",
    )
    unknown = post(site, b"<a/>", version, **{"Content-Encoding": "none-such"})
    assert (unknown.status_code, "none-such" in fault(unknown)[1]) == (415, True)
    assert "gzip" in unknown.headers["Accept-Encoding"]
    bomb = post(site, gzip.compress(b" " * (largest + 1)), version, **{"Content-Encoding": "gzip"})
    assert (bomb.status_code, "larger" in fault(bomb)[1]) == (413, True)
    too_large = post(site, b" " * (largest + 1), version)
    assert (too_large.status_code, fault(too_large)[1]) == (
        413,
        "the body is larger than this server takes",
    )
    elsewhere = post(site, b" " * (largest + 1), version, path="/none")
    assert elsewhere.headers["Content-Type"] == "application/problem+json"
