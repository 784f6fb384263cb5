"""Files of enmasse are read in all their forms; what is wrong with them is told by its code and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hansa_zato.enmasse.findings import Finding
from hansa_zato.enmasse.parsing import LARGEST, Unparsable, parse
from hansa_zato.enmasse.reading import DEEPEST, MOST_FILES, Document, read
from hypothesis import given, strategies as st

from plugins.zato.tests.enmasse_files import minimal, of_2_0, of_3_x, write_json, write_yaml

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
ITEMS = st.lists(
    st.dictionaries(st.text("abc", min_size=1, max_size=4), PLAIN, max_size=4), max_size=5
)


def codes(document: Document) -> list[str]:
    return [one.code for one in document.findings]


@pytest.mark.parametrize(
    ("form", "config"), [("2.0", of_2_0()), ("3.x", of_3_x()), ("minimal", minimal())]
)
def test_a_file_of_each_form_is_read(tmp_path: Path, form, config):
    write = write_json if form == "2.0" else write_yaml
    document = read(write(tmp_path / "file", config))
    assert not document.findings
    assert document.generation == form
    assert len(document.objects) == sum(len(items) for items in config.values())


def test_lines_are_those_of_the_objects(tmp_path: Path):
    file = write_json(tmp_path / "file.json", {"scheduler": [{"name": "a"}, {"name": "b"}]})
    lines = [one.line for one in read(file).objects]
    text = file.read_text().splitlines()
    assert ['"name": "a"' in text[lines[0]], '"name": "b"' in text[lines[1]]] == [True, True]
    file.write_text("scheduler:\n\n- name: a\n- name: b\n")
    assert [one.line for one in read(file).objects] == [3, 4]


@given(items=ITEMS)
def test_json_is_read_as_json(items):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file.json")
        file.write_text(json.dumps({"scheduler": items}, indent=1))
        assert [value for _, _, value in parse(file)] == items


def test_the_merged_form_and_types_as_keys(tmp_path: Path):
    config = {
        "http_soap": [
            {"name": "a", "connection": "channel", "transport": "plain_http"},
            {"name": "b", "connection": "outgoing", "transport": "soap"},
            {"name": "c", "connection": "channel", "transport": "wires"},
        ],
        "basic_auth": [{"name": "d"}],
        "zato_generic_connection": [{"name": "e", "type_": "outconn-ldap"}],
    }
    document = read(write_json(tmp_path / "file.json", config))
    assert {one.name: one.type for one in document.objects} == {
        "a": "channel_plain_http",
        "b": "outconn_soap",
        "d": "def_sec.basic_auth",
        "e": "outconn_ldap",
    }
    assert codes(document) == ["E08"]


# -- includes --------------------------------------------------------------------------------------


def test_includes_are_read_beside_the_file(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "job.json").write_text('{"name": "a", "names": ["x"], "empty": []}')
    (tmp_path / "parts" / "jobs.yml").write_text("- name: b\n- name: c\n")
    config = {"scheduler": ["file://parts/job.json", "file://./parts/jobs.yml", {"name": "d"}]}
    document = read(write_json(tmp_path / "file.json", config))
    assert not document.findings
    assert [one.name for one in document.objects] == ["a", "b", "c", "d"]
    assert document.objects[0].item == {"name": "a", "names": ["x"], "empty": []}
    assert document.objects[0].file.name == "job.json"
    assert len(document.files) == 3


def test_what_is_wrong_with_includes(tmp_path: Path):
    (tmp_path / "bad.json").write_text('{"name": ')
    (tmp_path / "one.json").write_text('{"name": "a"}')
    (tmp_path / "number.json").write_text("[5]")
    names = ["one.json", "one.json", "gone.json", "bad.json", "number.json"]
    config = {"scheduler": [f"file://{name}" for name in names]}
    document = read(write_json(tmp_path / "file.json", config))
    assert codes(document) == ["E01", "E02", "E03", "E03"]
    assert [one.name for one in document.objects] == ["a"]


def test_minimal_files_include_whole_files(tmp_path: Path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.yml").write_text("include: [b/b.yml, a.yml]\nscheduler:\n- name: a\n")
    (tmp_path / "b" / "b.yml").write_text("include: [c.yml, gone.yml]\nscheduler:\n- name: b\n")
    (tmp_path / "b" / "c.yml").write_text("security:\n- name: c\n")
    document = read(tmp_path / "a.yml")
    assert [one.name for one in document.objects] == ["c", "b", "a"]
    assert codes(document) == ["E02", "E01"]
    assert document.generation == "minimal"


def test_includes_stay_in_the_folder_of_the_file(tmp_path: Path):
    folder = tmp_path / "folder"
    (folder / "parts").mkdir(parents=True)
    (tmp_path / "secret.json").write_text('{"name": "a"}')
    (folder / "parts" / "one.json").write_text('{"name": "b"}')
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "inside.json").symlink_to(folder / "parts" / "one.json")
    outside = ["/etc/passwd", "/dev/zero", "../secret.json", "parts/../../secret.json", "link.json"]
    never = ["a\0b", "a" * 5000]
    names = [f"file://{name}" for name in [*outside, *never, "inside.json"]]
    document = read(write_json(folder / "file.json", {"scheduler": names}))
    assert codes(document) == ["E02"] * 7
    assert [str(folder) in one.message for one in document.findings] == [True] * 5 + [False] * 2
    assert [one.name for one in document.objects] == ["b"]
    whole = read(write_yaml(folder / "file.yml", {"include": outside}))
    assert codes(whole) == ["E02"] * 5


def test_includes_are_limited(tmp_path: Path):
    for number in range(DEEPEST + 5):
        text = f"include: {number + 1}.yml\nscheduler:\n- name: a\n"
        (tmp_path / f"{number}.yml").write_text(text)
    document = read(tmp_path / "0.yml")
    assert codes(document) == ["E02"]
    assert len(document.objects) == DEEPEST + 1
    names = []
    for number in range(MOST_FILES + 2):
        (tmp_path / f"{number}.json").write_text("{}")
        names.append(f"file://{number}.json")
    many = read(write_json(tmp_path / "many.json", {"scheduler": names}))
    assert codes(many) == ["E02"] * 2


def test_what_is_no_name_and_does_things_to_terminals(tmp_path: Path):
    config = {"scheduler": [{"name": ["hunter2"]}, {"name": {}}, {"name": None}]}
    document = read(write_yaml(tmp_path / "file", config))
    assert [(one.code, one.key, one.line) for one in document.findings] == [
        ("E04", "name", 2),
        ("E04", "name", 4),
    ]
    assert Finding("E10", "is no key", "\x1b[2J", "\x1b[3J", "\x07").subject.isprintable()


@given(sizes=st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_a_file_split_into_includes_is_the_same_file(sizes):
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = [{"name": f"{index}-{n}"} for index, size in enumerate(sizes) for n in range(size)]
        for index, size in enumerate(sizes):
            part = [{"name": f"{index}-{n}"} for n in range(size)]
            (folder / f"{index}.json").write_text(json.dumps(part))
        split = {"scheduler": [f"file://{index}.json" for index in range(len(sizes))]}
        document = read(write_json(folder / "file.json", split))
        assert not document.findings
        assert [one.item for one in document.objects] == items


# -- what cannot be read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": [1,', "line 1"),
        ('{"a": [1]\n\n]', "line 3: expected }"),
        ('{"a": [1]} x', "expected the end"),
        ("[1]", "expected {"),
        ("- a\n- b\n", "no table"),
        ("a: [\n", "line 2"),
        ("a: &x [1]\nb: *x\n", "line 2: has an alias"),
        ("a: [!!python/object/apply:os.system ['true']]\n", "line 1"),
        ('{"a": ' + "[" * 100_000, "nested"),
        ("a: " + "[" * 1_500, "nested"),
        (b"\xff\xfe", "UTF-8"),
        ("scheduler:\n- name: a\n  start_date: 2026-02-30\n", "line 2: has a number or a date"),
        ("a:\n- {b: " + "9" * 5000 + "}\n", "line 2: has a number"),
        ("a:\n- {b: 0x" + "f" * 5000 + "}\n", "line 2: has a number"),
        ('{"a": [{"b": ' + "9" * 5000 + "}]}", "line 1: has a number"),
        ('{"a": [{"b": NaN}]}', "line 1: has a number"),
        ("a: b\0c\n", "special characters"),
        ("a:\n- password: !hunter2\n", "line 2: has a tag; .* needs quotes"),
        ("a:\n- password: *hunter2\n", "line 2: has an alias; .* needs quotes"),
    ],
)
def test_what_cannot_be_parsed(tmp_path: Path, text, why):
    file = tmp_path / "file"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Unparsable, match=why):
        parse(file)
    document = read(file)
    assert codes(document) == ["E03"]
    assert "hunter2" not in str(document.findings)


def test_a_file_that_is_too_large(tmp_path: Path):
    file = tmp_path / "file"
    with file.open("wb") as opened:
        opened.truncate(LARGEST + 1)
    assert "larger" in read(file).findings[0].message


def test_an_empty_file_has_nothing(tmp_path: Path):
    for text in ("", "{}", "scheduler: []\n", "scheduler:\n"):
        file = tmp_path / "file"
        file.write_text(text)
        document = read(file)
        assert not document.objects
        assert not document.findings
