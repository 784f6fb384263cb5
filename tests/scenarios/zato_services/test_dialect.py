"""Services that lean on the dialect alone: documents, models, patterns, hooks, locks, jobs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lxml import etree

from tests.commands import hansa

INVOICE = """<invoice><number>R-1</number><lines>
<line pieces="2"><price>1.25</price></line><line pieces="1"><price>0.5</price></line>
</lines></invoice>"""
EMPLOYEE = {
    "name": "Zoë",
    "salary": 4000,
    "address": {"street": "Storgatan", "city": "Umeå", "zip_code": None},
    "skills": ["Python"],
}


def test_a_bill_in_xml(zato):
    answer = zato.ask("/documents/total", INVOICE)
    assert answer.headers["Content-Type"].startswith("application/xml")
    assert answer.text == '<total number="R-1">3.00</total>'


def test_articles_by_xpath(zato):
    stock = '<s><article sku="A" stock="9"/><article sku="B" stock="1"/></s>'
    assert zato.ask("/documents/xpath", stock).text == "A"


def test_a_survey_in_json_and_xml(zato):
    request = {"answers": ["b", "a"], "persons": [{"name": "Ada"}, {"name": "Zoë"}]}
    expected = {"count": 2, "answers": ["a", "b"], "is_final": True, "names": "Ada, Zoë"}
    assert zato.call("/survey", {**request, "is_final": "yes"})["response"] == expected
    persons = "".join(
        f"<item_dict><item><key>name</key><value>{name}</value></item></item_dict>"
        for name in ("Ada", "Zoë")
    )
    answers = "<answers><item>b</item><item>a</item></answers>"
    text = f"<request>{answers}<persons>{persons}</persons><is_final>on</is_final></request>"
    answer = zato.ask("/survey.xml", text.encode())
    root = etree.fromstring(answer.content)
    assert root.findtext(".//names") == "Ada, Zoë", answer.text
    assert [item.text for item in root.iterfind(".//answers/*")] == ["a", "b"]


def test_a_column_of_csv(zato):
    answer = zato.ask("/sum.csv", "name,amount\nTea,2\nMüsli,40\n".encode())
    assert (answer.text, answer.headers["X-Rows"]) == ("42", "2")


def test_a_form_a_page_a_picture_and_a_redirect(zato):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    thanks = zato.ask("/feedback", "name=Zo%C3%AB&stars=5", headers=headers)
    assert (thanks.status_code, thanks.text) == (201, "Thank you, Zoë!")
    page = zato.ask("/price-table")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<td>Tea &amp; milk</td><td>2.50</td>" in page.text
    picture = zato.ask("/pixel")
    assert picture.content.startswith(b"GIF89a") and picture.headers["Content-Type"] == "image/gif"
    moved = zato.ask("/r/abc", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (302, "https://example.com/abc")


def test_lists_of_models(zato):
    assert zato.call("/hire", [EMPLOYEE]) == [{"name": "Zoë", "net": 3000.0, "city": "Umeå"}]
    assert zato.call("/hire", []) == []


def test_a_model_is_given_back(zato):
    promoted = zato.call("/promote", EMPLOYEE)
    assert promoted == {**EMPLOYEE, "salary": 5000, "skills": ["Python", "leadership"]}
    refused = zato.ask("/promote", {**EMPLOYEE, "address": {"street": "x"}})
    assert refused.status_code == 400 and "city" in refused.text


def test_optional_names_and_types_by_name(zato):
    given = {"user_id": "7", "is_admin": "yes", "nick": "ZOË"}
    assert zato.call("/optional", given) == {"user_id": 8, "is_admin": True, "nick": "zoë"}
    assert zato.call("/optional", {"user_id": 1})["is_admin"] is False


def test_path_query_and_headers(zato):
    found = zato.call("/regions/nord?limit=5&sort=asc", headers={"User-Agent": "me/1"})
    assert found == {
        "region": "nord",
        "limit": "5",
        "sort": "asc",
        "method": "GET",
        "agent": "me/1",
        "via": "region",
    }


def test_fan_out_parallel_and_callbacks(zato, wait):
    assert zato.call("/quotes/compare", {"car": "Saab"})["cid"]
    assert zato.call("/quotes/each", {"car": "Saab"})["asked"] == [
        "quotes.insurer-a",
        "quotes.insurer-b",
    ]
    cid = zato.call("/quotes/one", {"car": "Saab"})["cid"]
    prices = {"A": 104, "B": 94}

    def arrived():
        found = zato.call("/quotes")
        each = {insurer: int(price) for insurer, price in found["each"].items()}
        return found["compared"] == prices and each == prices and found["called"] == {cid: "B"}

    wait(arrived, 30, lambda: str(zato.call("/quotes")))


def test_a_service_is_asked_again(zato):
    assert zato.call("/quotes/insist", {}) == {"tries": "2"}


def test_a_client_may_search_three_times(zato):
    asked = {"client": "c1", "query": "tea"}
    found = [zato.ask("/limited", asked) for _ in range(4)]
    assert [answer.status_code for answer in found] == [200, 200, 200, 429]
    assert found[2].json()["response"] == {"found": "TEA", "left": 0}
    refused = zato.ask("/limited", {"client": "a/b", "query": "x"})
    assert (refused.status_code, refused.text) == (400, "")


def test_numbers_without_a_gap(zato):
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: zato.call("/number/R", {})["response"]["number"], range(8))
    assert sorted(answers) == [f"R-{number:05d}" for number in range(1, 9)]


def test_dates_codes_and_trees(zato):
    day = zato.call("/reformat", {"day": "03/09/2013"})["response"]
    assert day == {"day": "2013-09-03", "is_past": True}
    codes = [zato.call("/translate", {"code": code})["response"]["code"] for code in ("SE", "US")]
    assert codes == ["752", "??"]
    tree = {"person": {"name": "Ada", "address": {"city": "Umeå"}}}
    assert zato.call("/navigate", tree) == {
        "city": "Umeå",
        "has_phone": False,
        "same": True,
        "copy": {"a": "Ada"},
    }


def test_configuration_and_records(zato):
    given = {
        "options": {"colour": "red", "size": 3, "more": 1},
        "since": "2013-09-03T00:00:00+00:00",
    }
    found = zato.call("/settings", given)["response"]
    assert (found["colour"], found["bank"]) == ("red", "Bank of Zoë")
    assert found["since"] == "2013-09-03T00:00:00"
    assert zato.ask("/settings", {"options": {"colour": "red"}}).status_code == 400


def test_hooks_run_in_their_order(zato, wait):
    done = zato.call("/transfer", {"account": "A", "amount": 1})["response"]
    assert done == {"steps": "before,input,handle"}
    trail = '["before", "input", "handle", "output", "after", "finalize"]'
    wait(lambda: zato.ask("/trail/A").text == trail, 10)
    assert zato.ask("/transfer", {"account": "B", "amount": -1}).status_code == 500
    assert zato.ask("/trail/B").text in ("", "None")


def test_what_a_service_knows_of_itself(zato):
    assert zato.call("/who") == {
        "name": "tooling.introspection",
        "impl_name": "tooling.WhoAmI",
        "channel": "http-soap",
        "data_format": "json",
        "transport": "plain_http",
        "cid_length": 28,
        "remote": "127.0.0.1",
        "path": "/who",
    }


def test_jobs(zato):
    hansa(zato.server, "channel", "schedule", "run", "nightly")
    assert zato.call("/nightly") == {"runs": 1}
    hansa(zato.server, "channel", "schedule", "run", "rates")
    status = zato.call("/rates/status")["response"]
    assert status == {"refreshed_by": "scheduler/interval_based", "count": 2}


def test_prices_are_cached_and_forgotten(zato):
    assert zato.call("/price/tea") == {"price": 21.5, "source": "shop"}
    assert zato.call("/price/tea") == {"price": 21.5, "source": "cache"}
    assert zato.call("/price/rice")["source"] == "shop"
    assert zato.call("/forget", {"kind": "te"}) == {"left": ["price:rice"]}
    assert zato.call("/forget", {}) == {"left": []}
    assert zato.call("/price/tea")["source"] == "shop"


def test_carts_have_a_cache_of_their_own(zato):
    assert zato.call("/cart/Zoë", {"sku": "TEA"}) == {"items": ["TEA"]}
    assert zato.call("/cart/Zoë", {"sku": "MILK"}) == {"items": ["TEA", "MILK"]}


def test_numbers_and_names_are_checked(zato):
    iban = "GB82WEST12345698765432"
    assert zato.call(f"/iban/{iban}") == {"iban": iban, "is_valid": True, "country": "GB"}
    assert zato.call("/iban/GB83WEST12345698765432")["is_valid"] is False
    assert zato.ask("/iban/nothing").status_code == 400
    cards = zato.call("/cards", {"numbers": "4111111111111111,4111111111111112"})["response"]
    assert [card["is_right"] for card in cards] == [True, False]
    assert zato.ask("/slug", {"title": "Größe & Maß!"}).text == "groe-ma"


def test_pages_by_verb(zato):
    assert zato.call("/pages?size=20&page=3")["response"]["first"] == 40
    assert zato.call("/pages", {"size": 20, "total": 50})["response"]["pages"] == [0, 20, 40]
    assert zato.ask("/pages?size=x").status_code == 400


def test_stories_are_published_printed_and_archived(zato, wait):
    for title in ("Moon landing", "Gossip", "Größe"):
        zato.call("/stories", {"title": title})
    wait(lambda: zato.redis.llen("printed") == 2, 60)
    read = zato.call("/archive")
    assert sorted(read["titles"]) == sorted(read["printed"]) == ["Größe", "Moon landing"]
    assert zato.call("/archive")["titles"] == []
