"""What a client of GraphQL over HTTP is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import build_schema
from hansa import Invalid, Model, Refused, Secret, Service

RESPONSE = "application/graphql-response+json"


def test_queries_variables_and_fragments(site):
    site.add()
    query = """
        query Q($id: Int!, $note: NoteInput, $kind: Kind) {
          order(id: $id, note: $note, kind: $kind) { ...Whole notes { text notes { text } } }
          orders { id total }
        }
        fragment Whole on Order { id total at kind raw __typename }
    """
    note = {"text": "Grüße", "notes": [{"text": "again"}]}
    answer = site.ask(query, variables={"id": 7, "note": note, "kind": "forward"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{RESPONSE}; charset=utf-8"
    assert answer.json() == {
        "data": {
            "order": {
                "id": 7,
                "total": "1.10",
                "at": "2026-11-30T00:00:00Z",
                "kind": "forward",
                "raw": "AP8=",
                "__typename": "Order",
                "notes": [{"text": "Grüße", "notes": [{"text": "again"}]}],
            },
            "orders": [{"id": 1, "total": "1.5"}, {"id": 2, "total": "2"}],
        }
    }


def test_mutations_in_their_order_and_not_by_get(site):
    site.add()
    answer = site.ask("mutation { a: add(id: 1) b: add(id: 2) }")
    assert answer.json() == {"data": {"a": 1, "b": 2}}
    refused = site.client.get(site.url, params={"query": "mutation { add(id: 3) }"})
    assert refused.status_code == 405 and refused.headers["allow"] == "POST"
    assert refused.json()["errors"][0]["extensions"]["code"] == "method-not-allowed"
    query = "query Q($id: Int!) { order(id: $id) { id } }"
    asked = {"query": query, "variables": json.dumps({"id": 5}), "operationName": "Q"}
    answer = site.client.get(site.url, params=asked, headers={"Accept": RESPONSE})
    assert answer.json() == {"data": {"order": {"id": 5}}}
    several = f"{query} mutation M {{ add(id: 4) }}"
    assert site.client.get(site.url, params={**asked, "query": several}).status_code == 200
    by_name = site.client.get(site.url, params={"query": several, "operationName": "M"})
    assert by_name.status_code == 405
    assert site.ask("mutation { add(id: 9) }").json() == {"data": {"add": 3}}


def test_errors_of_services_have_code_and_cid(site):
    site.add()
    query = "{ a: order(id: 404) { id } b: order(id: 500) { id } c: order(id: 1) { id } }"
    answer = site.ask(query)
    assert answer.status_code == 200
    body = answer.json()
    assert body["data"] == {"a": None, "b": None, "c": {"id": 1}}
    missing, unexpected = body["errors"]
    assert missing["message"] == "there is no such order" and missing["path"] == ["a"]
    assert missing["locations"] == [{"line": 1, "column": 3}]
    assert missing["extensions"] == {"code": "not-found", "cid": answer.headers["x-hansa-cid"]}
    assert unexpected["extensions"]["code"] == "internal-error"
    assert "secret" not in answer.text
    (wrong,) = site.ask("mutation { add(id: 2000) }").json()["errors"]
    assert wrong["extensions"]["errors"] == {"id": "is too large"}
    (below,) = site.ask("{ order(id: 0) { id } }").json()["errors"]
    assert below["extensions"]["code"] == "invalid" and "id" in below["extensions"]["errors"]


def test_what_cannot_be_executed(site):
    site.add()
    for query in ("{", "{ nothing }", "query Q($id: Int!) { order(id: $id) { id } }"):
        strict = site.ask(query)
        legacy = site.ask(query, accept="application/json")
        assert (strict.status_code, legacy.status_code) == (400, 200)
        for answer in (strict, legacy):
            body = answer.json()
            assert "data" not in body and body["errors"][0]["extensions"]["code"] == "invalid"
    # names of the schema are told to nobody who may not ask for it
    assert "orders" not in site.ask("{ ordres { id } }").text


def test_requests_that_are_none(site):
    site.add()
    post = site.client.post
    assert post(site.url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    typed = {"Content-Type": "application/json"}
    for content in (b"{", b"[]", b'"x"', b"{}", b'{"query": 1, "variables": []}', b"[" * 100_000):
        answer = post(site.url, content=content, headers=typed)
        assert answer.status_code == 400, content[:20]
        assert answer.json()["errors"][0]["extensions"]["code"] == "invalid"
    assert site.ask("{ orders { id } }", accept="text/html").status_code == 406
    assert site.client.put(site.url, json={}).status_code == 405
    accept = "application/json;q=0.5, application/graphql-response+json;q=0.4"
    kind = site.ask("{ orders { id } }", accept=accept).headers["content-type"]
    assert kind == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{ order(id: 1) { notes { notes { notes { text } } } } }", "5 deep"),
        ("{ a: orders { id } b: orders { id } c: orders { id } }", "3 aliases"),
        ("{ orders { notes { text } } }", "the request costs"),
        ("{ orders { " + "id " * 200 + "} }", "costs"),
        ("{ orders { ...F } } fragment F on Order { notes { text } }", "the request costs"),
        ("{ " + "orders { id } " * 100 + "}", "tokens"),
    ],
)
def test_limits(site, query, why):
    site.add(max_depth=4, max_aliases=2, max_cost=110, max_tokens=250)
    answer = site.ask(query)
    assert answer.status_code == 400
    assert why in answer.json()["errors"][0]["message"]
    assert site.ask("{ orders { id total } }").status_code == 200


def test_fragments_that_grow_or_go_round_take_no_time(site):
    site.add()
    grows = " ".join(
        f"fragment F{n} on Note {{ notes {{ ...F{n + 1} }} more: notes {{ ...F{n + 1} }} }}"
        for n in range(25)
    )
    query = f"{{ orders {{ notes {{ ...F0 }} }} }} {grows} fragment F25 on Note {{ text }}"
    answer = site.ask(query)
    assert answer.json()["errors"][0]["extensions"]["code"] == "too-complex"
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(240))
    chained = site.ask(f"{{ ...F0 }} {chain} fragment F240 on Query {{ orders {{ id }} }}")
    assert chained.json()["errors"][0]["extensions"]["code"] == "too-complex"
    circle = "{ orders { notes { ...A } } } fragment A on Note { notes { ...A } }"
    assert "Cannot spread fragment" in site.ask(circle).json()["errors"][0]["message"]


def test_introspection_is_off_unless_it_is_switched_on(site):
    asked = "{ __schema { types { name } } }"
    channel = site.add()
    assert site.ask(asked).status_code == 400
    assert site.ask("{ __typename orders { __typename } }").status_code == 200
    channel.stop()
    channel = site.add(introspection=True)
    names = {one["name"] for one in site.ask(asked).json()["data"]["__schema"]["types"]}
    assert {"Order", "NoteInput", "Kind", "Decimal"} <= names and "password" not in channel.text
    schema = build_schema(channel.text)
    assert schema.query_type is not None and '""""""' not in channel.text
    fields = schema.query_type.fields
    assert str(fields["orders"].type) == "[Order!]"
    assert str(fields["order"].args["id"].type) == "Int!"
    assert fields["order"].description == "Return an order."
    assert fields["order"].args["id"].description == "Its number"


def test_callers_are_known_before_anything_is_read(site):
    def authenticate(request):
        if request.headers.get("x-key") != "right":
            raise Refused("the caller cannot be authenticated", "Key")
        return "ada"

    site.add(authenticate)
    answer = site.client.post(site.url, content=b"{")
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Key"
    assert answer.json()["errors"][0]["extensions"]["code"] == "unauthorized"
    body = {"query": "{ order(id: 1) { anything } }"}
    known = site.client.post(site.url, json=body, headers={"X-Key": "right"}).json()
    assert known["data"]["order"]["anything"]["who"] == "ada"
    assert known["data"]["order"]["anything"]["headers"]["x-key"] == "right"


def test_a_service_that_is_deployed_anew(site):
    channel = site.add()
    for _ in range(2):
        assert site.ask("{ orders { id } }").json() == {"data": {"orders": [{"id": 1}, {"id": 2}]}}

    class Other(Service):
        name = "orders.list"
        Output = list[str]

        def handle(self):
            return ["a", "b"]

    site.server.services["orders.list"] = Other
    assert site.ask("{ orders }").json() == {"data": {"orders": ["a", "b"]}}
    assert "errors" in site.ask("{ orders { id } }").json()  # it kept the rules of another schema

    class Wrong(Service):
        name = "orders.list"
        Input = int

    site.server.services["orders.list"] = Wrong
    answer = site.ask("{ orders }")
    assert answer.status_code == 503
    channel.stop()
    with pytest.raises(Invalid) as caught:
        site.add()
    assert list(caught.value.errors) == ["queries[1].service"]


def test_settings_that_cannot_be(site):
    twice = [{"field": "a", "service": "orders.get"}, {"field": "a", "service": "admin.x"}]
    with pytest.raises(Invalid) as caught:
        site.made(queries=twice)
    assert set(caught.value.errors) == {"queries[1].field", "queries[1].service"}
    with pytest.raises(Invalid) as caught:
        site.made(queries=[{"field": "__a", "service": "x"}])
    assert "queries[0].field" in caught.value.errors

    class Order(Model):
        other: int

    class Clash(Service):
        name = "clash"
        Output = Order

    site.server.services["clash"] = Clash
    queries = [{"field": "a", "service": "orders.get"}, {"field": "b", "service": "clash"}]
    with pytest.raises(Invalid, match="two classes would be the type Order"):
        site.add(queries=queries)
    with pytest.raises(Invalid, match="there is no such service"):
        site.add(queries=[{"field": "a", "service": "nobody"}])


def test_values_that_do_not_fit(site):
    class Wide(Service):
        name = "wide"
        Output = list[int]

        def handle(self):
            return [1, 1 << 40]

    site.server.services["wide"] = Wide
    site.add(queries=[{"field": "wide", "service": "wide"}])
    body = site.ask("{ wide }").json()
    assert body["data"] == {"wide": None}
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "unfit-value" and error["path"] == ["wide", 1]


def test_a_value_that_does_not_fit_is_not_told(site):
    class Row(Model):
        count: int
        name: str

    class Rows(Service):
        name = "rows"
        Output = list[Row]

        def handle(self):
            return [{"count": "hushed", "name": {"password": "hushed"}}]

    site.server.services["rows"] = Rows
    site.add(queries=[{"field": "rows", "service": "rows"}])
    for member in ("count", "name"):
        answer = site.ask(f"{{ rows {{ {member} }} }}")
        assert answer.json()["errors"][0]["extensions"]["code"] == "unfit-value"
        assert "hushed" not in answer.text


def test_secrets_are_left_out_wherever_they_are(site):
    class Keys(Model):
        maybe: Secret | None = None
        several: list[Secret] = []
        named: dict[str, Secret] = {}
        anything: Any = None
        id: int = 1

    class GetKeys(Service):
        name = "keys"
        Output = Keys

        def handle(self):
            hushed = Secret("hushed")
            named = {"a": hushed}
            return Keys(maybe=hushed, several=[hushed], named=named, anything=[hushed, named])

    site.server.services["keys"] = GetKeys
    channel = site.add(queries=[{"field": "keys", "service": "keys"}])
    for member in ("maybe", "several", "named"):
        assert f"{member}:" not in channel.text
    for member in ("maybe", "several", "named", "anything", "id"):
        answer = site.ask(f"{{ keys {{ {member} }} }}")
        assert "hushed" not in answer.text


def test_arguments_may_have_any_name(site):
    class Named(Model):
        source: str
        info: str
        self: int = 0

    class Joined(Service):
        name = "joined"
        Input = Named
        Output = str

        def handle(self):
            return self.request.input.source + self.request.input.info

    site.server.services["joined"] = Joined
    site.add(queries=[{"field": "joined", "service": "joined"}])
    answer = site.ask('{ joined(source: "a", info: "b") }').json()
    assert answer == {"data": {"joined": "ab"}}
