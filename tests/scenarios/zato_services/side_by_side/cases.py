"""Requests to twenty services, each with the answer that is expected, byte by byte, and with that of
Zato 3.2 where it differs; README.md says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
ANY = "<text>"
"""Stands, in the answer of Zato, for a text that no document of Zato lays down."""


@dataclass(frozen=True)
class Answer:
    """An answer; `body` has `<cid>` where a correlation id stands."""

    body: bytes
    content_type: str = JSON
    status: int = 200


@dataclass(frozen=True)
class Case:
    """A request, and its answer. `zato` is what Zato 3.2 answers instead, for the reason in README.md."""

    name: str
    path: str
    answer: Answer
    body: bytes | None = None
    """What is posted; without it the request is a GET."""
    zato: Answer | None = None
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)


FAULT = Answer(b'{"result":"Error","cid":"<cid>","details":"<text>"}', status=500)
EMPLOYEE = (
    b'"name":"Zo\xc3\xab","salary":%d,"address":{"street":"Storgatan","city":"Ume\xc3\xa5"%s}'
)
HIRED = b"{" + EMPLOYEE % (4000, b"") + b',"skills":["Python"]}'
PROMOTED = EMPLOYEE % (5000, b',"zip_code":null')
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;"
)
WHO = (
    b'{"name":"tooling.introspection","impl_name":"tooling.WhoAmI","channel":"%s",'
    b'"data_format":"json","transport":"plain_http","cid_length":%d,"remote":"127.0.0.1",'
    b'"path":"/side/who"}'
)
PAGE = (
    b"<table><tr><td>Tea &amp; milk</td><td>2.50</td></tr>"
    b"<tr><td>Coffee</td><td>3.00</td></tr></table>"
)
REGION = b'{"region":"nord","limit":"5","sort":"asc","method":"GET","agent":"side/1","via":"side-region"}'
CARDS = (
    b'{"response":[{"number":"4111111111111111","is_right":true},{"number":"1","is_right":false}]}'
)

CASES = [
    Case(
        "survey",
        "/side/survey",
        Answer(b'{"response":{"count":1,"answers":["a","b"],"is_final":true,"names":"Ada"}}'),
        b'{"answers":["b","a"],"persons":[{"name":"Ada"}],"is_final":"yes"}',
    ),
    Case(
        "survey-missing",
        "/side/survey",
        Answer(
            b'{"zato_env":{"result":"ZATO_ERROR","cid":"<cid>",'
            b'"details":"persons: required, and missing"}}',
            status=400,
        ),
        b'{"answers":[]}',
        Answer(FAULT.body, status=400),
    ),
    Case(
        "total",
        "/side/total",
        Answer(b'<total number="R-1">2.50</total>', "application/xml"),
        b'<bill><number>R-1</number><lines><line pieces="2"><price>1.25</price></line></lines></bill>',
    ),
    Case(
        "xpath",
        "/side/xpath",
        Answer(b"A", "text/plain"),
        b'<s><article sku="A" stock="9"/><article sku="B" stock="1"/></s>',
    ),
    Case("sum", "/side/sum", Answer(b"42", TEXT), b"name,amount\nTea,2\nM\xc3\xbcsli,40\n"),
    Case(
        "sum-broken",
        "/side/sum",
        Answer(b"An error has occurred", TEXT, 500),
        b"name,amount\nTea,x\n",
        Answer(ANY.encode(), ANY, 500),
    ),
    Case("page", "/side/page", Answer(PAGE, "text/html; charset=utf-8")),
    Case("pixel", "/side/pixel", Answer(PIXEL, "image/gif")),
    Case("redirect", "/side/r/abc", Answer(b"", status=302)),
    Case(
        "hire",
        "/side/hire",
        Answer(b'[{"name":"Zo\xc3\xab","net":3000.0,"city":"Ume\xc3\xa5"}]'),
        b"[" + HIRED + b"]",
    ),
    Case("hire-nobody", "/side/hire", Answer(b"[]"), b"[]"),
    Case(
        "promote",
        "/side/promote",
        Answer(b"{" + PROMOTED + b',"skills":["Python","leadership"]}'),
        HIRED,
    ),
    Case(
        "optional",
        "/side/optional",
        Answer(b'{"is_admin":true,"nick":"zo\xc3\xab","user_id":8}'),
        b'{"user_id":"7","is_admin":"yes","nick":"ZO\xc3\x8b"}',
    ),
    Case(
        "optional-left-out",
        "/side/optional",
        Answer(b'{"is_admin":false,"user_id":8}'),
        b'{"user_id":7}',
    ),
    Case(
        "region",
        "/side/regions/nord?limit=5&sort=asc",
        Answer(REGION),
        headers={"User-Agent": "side/1"},
    ),
    Case(
        "reformat",
        "/side/reformat",
        Answer(b'{"response":{"day":"2013-09-03","is_past":true}}'),
        b'{"day":"03/09/2013"}',
    ),
    Case(
        "navigate",
        "/side/navigate",
        Answer(b'{"city":"Ume\xc3\xa5","has_phone":false,"same":true,"copy":{"a":"Ada"}}'),
        b'{"person":{"name":"Ada","address":{"city":"Ume\xc3\xa5"}}}',
    ),
    Case(
        "transfer",
        "/side/transfer",
        Answer(b'{"response":{"steps":"before,input,handle"}}'),
        b'{"account":"S","amount":1}',
    ),
    Case(
        "transfer-refused",
        "/side/transfer",
        Answer(
            b'{"zato_env":{"result":"ZATO_ERROR","cid":"<cid>","details":"An error has occurred"}}',
            status=500,
        ),
        b'{"account":"S","amount":0}',
        FAULT,
    ),
    Case(
        "who",
        "/side/who",
        Answer(WHO % (b"http-soap", 28)),
        zato=Answer(WHO % (ANY.encode(), 24)),
    ),
    Case("quote", "/side/quote", Answer(b'{"insurer":"A","price":104}'), b'{"car":"Saab"}'),
    Case(
        "iban",
        "/side/iban",
        Answer(b'{"country":"GB","iban":"GB82WEST12345698765432","is_valid":true}'),
        b'{"iban":"GB82 WEST 1234 5698 7654 32"}',
    ),
    Case(
        "iban-refused",
        "/side/iban",
        Answer(b'{"result":"Error","cid":"<cid>","details":"Not an IBAN"}', status=400),
        b'{"iban":"nothing"}',
    ),
    Case("cards", "/side/cards", Answer(CARDS), b'{"numbers":"4111111111111111,1"}'),
    Case(
        "slug",
        "/side/slug",
        Answer(b"groe-ma", "text/plain"),
        b'{"title":"Gr\xc3\xb6\xc3\x9fe & Ma\xc3\x9f!"}',
    ),
    Case(
        "pages",
        "/side/pages?size=20&page=3",
        Answer(b'{"response":{"first":40,"pages":""}}'),
        zato=Answer(b'{"response":{"first":40}}'),
    ),
    Case(
        "pages-posted",
        "/side/pages",
        Answer(b'{"response":{"first":"","pages":[0,20,40]}}'),
        b'{"size":20,"total":50}',
        Answer(b'{"response":{"pages":[0,20,40]}}'),
    ),
    Case("pages-verb", "/side/pages?size=1", Answer(b"", TEXT, 405), method="DELETE"),
    Case(
        "nowhere",
        "/side/nowhere",
        Answer(
            b'{"status":404,"code":"no-channel","title":"Not found",'
            b'"detail":"nothing is found at /side/nowhere","cid":"<cid>"}',
            "application/problem+json",
            404,
        ),
        zato=Answer(b"URL not found (CID:<cid>)", ANY, 404),
    ),
]
