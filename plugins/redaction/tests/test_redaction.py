"""What is masked in headers, parameters and bodies, and what is left."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from hansa import Invalid, Model, Secret, load
from hansa_redaction.found import MASK
from hansa_redaction.paths import Paths, parse_path
from hansa_redaction.redaction import FORM, Body, Redacted, Redaction
from hansa_redaction.rules import Rules
from hansa_redaction.secrets import secret_names
from hansa_redaction.settings import RedactionSettings
from hypothesis import assume, given, strategies as st
from pydantic import BaseModel, Field, SecretStr

NUMBER = "4111111111111111"


def body_of(raw: bytes | str, *paths: str, content_type: str = "", **settings: Any) -> Redacted:
    """What may be kept of one body."""
    raw = raw.encode() if isinstance(raw, str) else raw
    redaction = Redaction(Rules([RedactionSettings(paths=list(paths), **settings)]))
    return redaction.body(redaction.add_body(Body(raw, len(raw), content_type)))


@pytest.mark.parametrize(
    ("raw", "content_type", "kept"),
    [
        ("user,password\nada,s3cret-1\n", "text/csv", "user,password\nada,********\n"),
        ("name;api_key;at\r\nada;k-12345;3\r\n", "", "name;api_key;at\nada;********;3\n"),
        ('\ufeffUser\tnewPassword\nada\t"s3\tcret"\n', "", "User\tnewPassword\nada\t********\n"),
        ("user,note\nada,hello\n", "text/csv; charset=utf-8", "user,note\nada,hello\n"),
        (
            "password,user\n\ns3cret-1,ada,s3cret-2\n",
            "",
            "password,user\n\n********,ada,********\n",
        ),
        (
            "user,token,echo\nada,abcdef,is abcdef\n",
            "",
            "user,token,echo\nada,********,is ********\n",
        ),
        ("Your password, as agreed\nis below, thanks\n", "", None),
        ("true,false\nnull,1\n", "", None),
    ],
)
def test_columns_of_csv(raw: str, content_type: str, kept: str | None):
    found = body_of(raw, content_type=content_type)
    assert found.text == (raw if kept is None else kept.replace("********", MASK))


def test_columns_of_csv_that_is_cut_off_or_named_by_a_path():
    raw = b"user,password\nada,s3cret-1\nbob,s3cr\xc3"
    redaction = Redaction(Rules([RedactionSettings()]))
    found = redaction.body(redaction.add_body(Body(raw, len(raw) + 10)))
    assert found.text == f"user,password\nada,{MASK}\nbob,{MASK}\n"
    assert body_of("id,card\n1,4111\n", "card").text == f"id,card\n1,{MASK}\n"
    assert body_of("id,card\n1,4111\n", "card", content_type="text/csv").text.endswith(f"{MASK}\n")
    assert body_of(f"a,password\n1,2\n{'x' * 200_000},s3cret-1\n").text == (
        f"a,password\n1,{MASK}\n{MASK}\n"
    )
    assert not body_of("id,sum\n1,4111\n", "card").text, "paths lead into what cannot be read"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("card.number", "card number"),
        ("$.card.number", "card number"),
        ("/card/number", "card number"),
        ("/card/number/text()", "card number"),
        ("cards[*].number", "cards number"),
        ("cards[?(@.a == 1)].number", "cards number"),
        ("$['card']['number']", "card number"),
        ('["a.b"].c', "a.b c"),
        ("CARD.Num*", "card number"),
        ("**.number", "a b c number"),
        ("$..number", "a b number"),
        ("//number", "a number"),
        ("card.**", "card x"),
        ("a.*.c", "a anything c"),
        ("//x:Card/@x:no", "Envelope Card no"),
        ("//*[local-name() = 'Password'][1]", "Envelope Password"),
        ("child::card/descendant::no", "card no"),
    ],
)
def test_paths_lead_to_names(path: str, names: str):
    paths = Paths([path])
    state = paths.begin
    *above, last = names.split()
    for name in above:
        state, ends = paths.follow(state, name)
        assert not ends
    assert paths.follow(state, last)[1]
    assert path == "card.**" or not paths.follow(state, f"other-{last}")[1]


def test_faults_of_settings_are_said_all_at_once():
    with pytest.raises(Invalid) as found:
        load(RedactionSettings, {"paths": ["a", "$", ""], "parameters": [" "], "headers": [""]})
    assert set(found.value.errors) == {"paths.1", "paths.2", "parameters.0", "headers.0"}
    assert parse_path("a")


def test_json_is_masked_by_paths_and_credentials_by_name():
    message = {
        "card": {"number": NUMBER, "owner": "Ann"},
        "items": [{"pin": 123456}, {"pin": [True, None, {"x": "abcdef"}]}],
        "Password": "pw",
        "deep": [[{"client_secret": "x", "note": "token=abc https://u:pw@host/"}]],
        "amount": 1.5,
    }
    kept = json.loads(body_of(json.dumps(message), "card.number", "items.pin").text)
    assert kept == {
        "card": {"number": MASK, "owner": "Ann"},
        "items": [{"pin": MASK}, {"pin": MASK}],
        "Password": MASK,
        "deep": [[{"client_secret": MASK, "note": f"token={MASK} https://u:{MASK}@host/"}]],
        "amount": 1.5,
    }


def test_a_value_is_masked_wherever_else_it_is():
    secret = 'a"b/c d&é'
    redaction = Redaction(Rules([RedactionSettings(parameters=["customer"], headers=["X-No"])]))
    parameters = redaction.add_parameters({"customer": [secret, "9"], "other": f"<{secret}>"})
    headers = redaction.add_headers({"x-no": "77777", "x-echo": "no 77777", "x-short": "9"})
    raw = json.dumps({secret: [f"it is {secret}", 77777, 1777770, 5], "url": quote(secret)})
    body = redaction.add_body(Body(raw.encode(), len(raw)))
    document = b"<a b='77777'>77777<c/>77777</a>"
    answer = redaction.add_body(Body(document, len(document)))
    assert redaction.fields(parameters) == {"customer": f"{MASK}, {MASK}", "other": f"<{MASK}>"}
    assert redaction.fields(headers) == {"x-no": MASK, "x-echo": f"no {MASK}", "x-short": "9"}
    assert json.loads(redaction.body(body).text) == {
        MASK: [f"it is {MASK}", MASK, MASK, 5],
        "url": MASK,
    }
    assert redaction.body(answer).text == f'<a b="{MASK}">{MASK}<c/>{MASK}</a>'
    assert redaction.text(f"no {secret}!") == f"no {MASK}!"
    assert redaction.path(f"/c/9/{quote(secret, safe='')}/x") == f"/c/{MASK}/{MASK}/x"


def test_headers_that_carry_credentials():
    redaction = Redaction(Rules())
    given_headers = dict.fromkeys(
        ("authorization", "Cookie", "set-cookie", "x-api-key", "X-Auth-Token", "host"), "Basic eHg6"
    )
    kept = redaction.fields(redaction.add_headers(given_headers))
    assert [name for name, value in kept.items() if value != MASK] == []
    kept = Redaction(Rules()).fields(Redaction(Rules()).add_headers({"host": "a", "accept": "b"}))
    assert kept == {"host": "a", "accept": "b"}


def test_passwords_and_tokens_of_headers_are_masked_in_bodies():
    redaction = Redaction(Rules())
    basic = base64.b64encode(b"ann:pass:wort").decode()
    redaction.add_headers(
        {"Authorization": f"Basic {basic}", "cookie": 'sid=s-1234; b="t-5678"', "x-token": "Bearer"}
    )
    redaction.add_headers({"proxy-authorization": "Bearer abc.def", "x-secret": "Basic %%%"})
    raw = f'["pass:wort", "{basic}", "s-1234", "is t-5678", "abc.def", "ann"]'.encode()
    kept = json.loads(redaction.body(redaction.add_body(Body(raw, len(raw)))).text)
    assert kept == [MASK, MASK, MASK, f"is {MASK}", MASK, "ann"]


XML = f"""<?xml version="1.0"?><!-- {NUMBER} -->
<soap:Envelope xmlns:soap="urn:soap" xmlns:o="urn:o"><soap:Header>
<wsse:Password xmlns:wsse="urn:w" Type="x">hunter22</wsse:Password></soap:Header>
<soap:Body><o:Order id="7"><o:Card no="55555"><o:Number>{NUMBER}</o:Number>left</o:Card>
<?keep {NUMBER}?><Note>of &#52;111111111111111 and hunter22</Note></o:Order></soap:Body>
</soap:Envelope>"""


def test_xml_is_masked_inside_any_envelope():
    kept = body_of(XML, "/Order/Card/Number", "//Card/@no")
    assert kept.why == ""
    for secret in (NUMBER, "hunter22", "55555"):
        assert secret not in kept.text
    assert f'<o:Card no="{MASK}"><o:Number>{MASK}</o:Number>left</o:Card>' in kept.text
    assert f"<Note>of {MASK} and {MASK}</Note>" in kept.text
    assert '<o:Order id="7">' in kept.text


def test_forms_are_masked_by_name_and_by_path():
    raw = f"ssn=1%32345&Password=x&card={NUMBER}&note=12345+6&a=1&a=2"
    kept = body_of(raw, "card", parameters=["s*n"], content_type=f"{FORM}; charset=UTF-8")
    assert parse_qs(kept.text) == {
        "ssn": [MASK],
        "Password": [MASK],
        "card": [MASK],
        "note": [f"{MASK} 6"],
        "a": ["1", "2"],
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"plain text 4111",
        b"\xff\xfe\x00binary",
        b'{"card": ',
        b"{} trailing",
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"9" * 5000,
    ],
)
def test_what_cannot_be_read_is_kept_only_if_no_path_leads_into_it(raw: bytes):
    assert body_of(raw, "card.number").text in ("", "[" * 900 + "]" * 900)
    assert body_of(raw, "card.number").base64 == ""
    kept = body_of(raw)
    assert kept.text or kept.base64


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        ('{"newPassword": "hunter22", "sessionToken": "hunter22"}', ""),
        ('{"\\u0070assword": "hunter22"}', ""),
        ('{"payload": "{\\"password\\":\\"hunter22\\"}"}', ""),
        ("user[password]=hunter22&user.token=hunter22", FORM),
        ("user[password]=hunter22", ""),
        ("a=%ff&%70assword=hunter22", FORM),
        ('{"password": "hunter22"}', FORM),
        ('{"password": "hunter22",}', FORM),
        ("<a><password>hunter22</password></a>", FORM),
        ("<!DOCTYPE a><a><password><![CDATA[hunter22]]></password></a>", ""),
        ('<!DOCTYPE a [<!ENTITY e "hunter22">]><a><password>&e;</password></a>', ""),
        ("<a><password>x<!-- y -->hunter22</password><b></a>", ""),
        ("<a><x:password a='1'><i/>hunter22</x:password><b></a>", ""),
        ("--x\r\n\r\nhunter22", " multipart/form-data; boundary=x"),
    ],
)
@pytest.mark.parametrize("more", [0, 1])
def test_a_credential_may_be_written_in_many_ways(raw: str, content_type: str, more: int) -> None:
    redaction = Redaction(Rules())
    body = Body(raw.encode(), len(raw) + more, content_type)
    kept = redaction.body(redaction.add_body(body))
    assert kept.text or kept.why
    assert "hunter22" not in kept.text


def test_what_is_beside_a_credential_is_kept() -> None:
    assert body_of("<a><token /><b>text</b><c></a>").text == "<a><token /><b>text</b><c></a>"


def test_what_was_cut_cannot_be_read():
    cut = Body(b'{"a": "b", "password": "hunter22", <x:Password a="1">hunter22', 100_000_000)
    for paths, text in (
        (["a"], ""),
        ([], f'{{"a": "b", "password": "{MASK}", <x:Password a="1">{MASK}'),
    ):
        redaction = Redaction(Rules([RedactionSettings(paths=paths)]))
        assert redaction.body(redaction.add_body(cut)).text == text
    strict = Redaction(Rules(secrets=["pin"]))
    assert "too long" in strict.body(strict.add_body(cut)).why


def test_binary_with_secrets_parts_and_encodings_are_not_kept():
    assert body_of(b"\xff password=hunter22").base64 == ""
    assert body_of("password=hunter22".encode("utf-16")).base64 == ""
    assert "parts" in body_of(b"--x\r\n", content_type="multipart/form-data; boundary=x").why
    redaction = Redaction(Rules())
    packed = redaction.add_body(Body(b"\x1f\x8b\xff\xff", 4, "application/json", "gzip"))
    assert "gzip" in redaction.body(packed).why


def test_many_values_do_not_take_long():
    many = [{"n": str(10**15 + number), "m": str(10**15 + number)} for number in range(300)]
    assert "too many" in body_of(json.dumps(many), "n").why


class Inner(Model):
    pin: Secret
    open: str = ""


class Asked(Model):
    inner: dict[str, list[Inner]]
    key: Secret | None = None


class Other(BaseModel):
    code: SecretStr = Field(alias="theCode")


def test_secret_settings_of_inputs():
    assert secret_names(Asked, list[Other]) == {"pin", "key", "code", "theCode"}
    assert secret_names(None, dict, int, "text") == set()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
SECRETS = st.text(min_size=4, max_size=30).filter(lambda text: len(text.strip()) >= 4)


@given(TREES, TREES, SECRETS, st.lists(st.sampled_from(["a", "b", 0]), max_size=6))
def test_no_byte_of_a_masked_value_is_kept(
    tree: Any, masked: Any, secret: str, nesting: list[str | int]
):
    secret = f"S3CR\N{LATIN SMALL LETTER E WITH ACUTE}T{secret}"
    assume(MASK not in secret)
    message: Any = {"x": tree, "hidden": [masked, {"y": secret}], "echo": f"<{secret}>", secret: 1}
    for step in nesting:
        message = [message, secret] if step == 0 else {step: message, "z": [secret]}
    for ascii_only in (True, False):
        raw = json.dumps(message, ensure_ascii=ascii_only).encode(errors="backslashreplace")
        kept = body_of(raw, "**.hidden")
        written = [secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]
        assert not any(one in kept.text for one in written), kept.text
        assert "S3CR" not in kept.text
