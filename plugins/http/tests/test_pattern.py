"""URL patterns: what they match, what they refuse, and their order."""

from __future__ import annotations

import re
import time

import pytest
from hansa import Invalid
from hansa_http.path import decode_path, shown
from hansa_http.pattern import Pattern
from hypothesis import given, strategies as st

segments = st.text(
    st.characters(exclude_characters="/?#{}*%.\\", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=8,
)


@given(st.lists(st.tuples(segments, st.booleans()), min_size=1, max_size=6))
def test_values_put_into_a_template_come_out_again(parts):
    template, path, values = "", "", {}
    for index, (text, variable) in enumerate(parts):
        template += f"/{{v{index}}}" if variable else f"/{text}"
        path += f"/{text}"
        if variable:
            values[f"v{index}"] = text
    pattern = Pattern(template)
    assert pattern.match(path) == values
    assert pattern.literal == (not values)
    assert pattern.match(path + "/more") is None
    assert pattern.match(path + "/") is None
    assert pattern.match("/x" + path) is None


@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_invalid(text):
    try:
        pattern = Pattern("/" + text)
    except Invalid:
        assert re.search(r"[{}?#*%\\\x00-\x1f\x7f]|^/|(^|/)[.]{1,2}(/|$)", text)
    else:
        if pattern.literal:
            assert pattern.match(decode_path("/" + text)) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/a?b",
        "/a#b",
        "/{",
        "/}",
        "/{}",
        "/{a",
        "/{a}{b}",
        "/{1}",
        "/{a b}",
        "/{a}/{a}",
        "/{{a}}",
        "/a\nb",
        "/{é}",
        "/a/*",
        "/a*",
        "/a/%7Bid%7D",
        "/100%",
        "/a%2",
        "/a%ff",
        "/a%0a",
        "/a/../b",
        "/./a",
        "/a/%2E%2e",
    ],
)
def test_what_is_no_pattern(text):
    with pytest.raises(Invalid):
        Pattern(text)


def test_more_specific_patterns_sort_first():
    order = ["/a/b", "/a/b-{x}", "/a/{x}-", "/a/{x}", "/{x}/b", "/{x}/{y}"]
    assert [p.text for p in sorted(map(Pattern, reversed(order)))] == order
    assert Pattern("/a/{x}") < Pattern("/a/{x}", match_slash=True)


def test_dots_and_other_marks_are_taken_literally():
    assert Pattern("/a.b").match("/axb") is None
    assert Pattern("/{name}.json").match("/rate.json") == {"name": "rate"}
    assert Pattern("/{name}.json").match("/ratexjson") is None
    assert Pattern("/kraków/{imię_}".replace("ę", "e")).match("/kraków/Żółć ♥") == {
        "imie_": "Żółć ♥"
    }


def test_slashes_match_only_where_asked_for():
    assert Pattern("/files/{path}").match("/files/a/b") is None
    assert Pattern("/files/{path}", match_slash=True).match("/files/a/b") == {"path": "a/b"}


def test_names_of_variables_do_not_make_a_difference_to_claims():
    assert Pattern("/a/{x}").canonical == Pattern("/a/{y}").canonical
    assert Pattern("/a/{x}") != Pattern("/a/{y}")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/a b", "/a%20b"),
        ("/a%20b", "/a%20b"),
        ("/a%20b", "/%61%20b"),
        ("/ż", "/%C5%BC"),
        ("/%c5%bc", "/%C5%BC"),
        ("/a%2Fb", "/a%2fb"),
        ("/100%25", "/100%25"),
        ("/what%3F", "/what%3F"),
        ("/2%2A3", "/2*3"),
    ],
)
def test_a_path_may_be_written_encoded_or_not(text, path):
    assert Pattern(text).match(decode_path(path)) == {}


def test_an_encoded_slash_is_part_of_a_segment():
    assert Pattern("/a/b").match(decode_path("/a%2Fb")) is None
    assert Pattern("/a%2Fb").match(decode_path("/a/b")) is None
    assert Pattern("/a%2Fb").match(decode_path("/a%252Fb")) is None
    assert Pattern("/{x}/c").match(decode_path("/a%2fb/c")) == {"x": "a/b"}
    assert Pattern("/{x}F").match(decode_path("/a%2F")) is None
    assert shown(decode_path("/a%2fb")) == "/a%2Fb"


@pytest.mark.parametrize("path", ["/%", "/%2", "/%zz", "/%ff", "/%2F%ff"])
def test_paths_that_are_refused(path):
    with pytest.raises(Invalid):
        decode_path(path)


def by_regular_expression(pattern: Pattern, path: str) -> dict[str, str] | None:
    """The values that a regular expression would find, which tries every combination."""
    one = ".+" if pattern.match_slash else "[^/]+"
    parts = re.split(r"\{([^{}]*)\}", pattern.text)
    source = "".join(
        f"(?P<{part}>{one})" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )
    found = re.compile(source, re.S).fullmatch(path)
    return None if found is None else found.groupdict()


mixes = st.lists(st.sampled_from(["a", "-", "/", "ab", "{x}"]), min_size=1, max_size=9).map(
    lambda parts: "/" + "".join(part.replace("x", f"x{n}") for n, part in enumerate(parts))
)


@given(mixes, st.booleans(), st.text("ab-/", max_size=14))
def test_it_finds_what_a_regular_expression_would(text, match_slash, path):
    try:
        pattern = Pattern(text, match_slash)
    except Invalid:
        return
    assert pattern.match("/" + path) == by_regular_expression(pattern, "/" + path)


@pytest.mark.parametrize("match_slash", [False, True])
@pytest.mark.parametrize(
    "text",
    ["/orders/{y}-{m}-{d}.json", "/{a}-{b}-{c}-{d}-{e}/x", "/{a}--{b}--{c}--", "/{a}-{b}/{c}-{d}!"],
)
def test_its_time_grows_as_the_path_does(text, match_slash):
    pattern = Pattern(text, match_slash)
    begin = text.partition("{")[0]

    def seconds(size):
        path = begin + "-" * size
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(20):
                pattern.match(path)
            taken.append(time.perf_counter() - began)
        return min(taken)

    # eight times the size; quadratic matching takes 64 times as long
    assert seconds(64_000) < 40 * max(seconds(8000), 0.0005)


@pytest.mark.parametrize(
    ("theirs", "mine", "covered"),
    [
        ("/zato/json/{service}", "/zato/json/{other}", True),
        ("/zato/json/{service}", "/zato/json/mine", True),
        ("/zato/json/{service}", "/zato/json/m{x}", True),
        ("/zato/json/{service}", "/zato/{x}/mine", False),
        ("/zato/json/{service}", "/{a}/{b}/{c}", False),
        ("/zato/json/m{x}", "/zato/json/{service}", False),
        ("/zato/ping", "/zato/ping", True),
        ("/zato/ping", "/zato/{x}", False),
    ],
)
def test_a_pattern_covers_another_if_it_matches_all_of_its_paths(theirs, mine, covered):
    assert Pattern(theirs).covers(Pattern(mine)) == covered


def test_what_crosses_slashes_is_covered_by_what_does_too():
    assert Pattern("/a/{x}", match_slash=True).covers(Pattern("/a/{x}"))
    assert Pattern("/a/{x}", match_slash=True).covers(Pattern("/a/{x}/b", match_slash=True))
    assert not Pattern("/a/{x}").covers(Pattern("/a/{x}", match_slash=True))


def test_the_root_is_the_first_segment_where_it_is_always_the_same():
    assert Pattern("/hansa/api/{x}").root == "hansa"
    assert Pattern("/%68ansa/x").root == "hansa"
    assert Pattern("/hansa").root == "hansa"
    assert Pattern("/hansa{x}/y").root == ""
    assert Pattern("/{x}").root == ""
