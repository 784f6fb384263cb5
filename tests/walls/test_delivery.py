"""The delivery table: every channel type has a proof for its guarantee, and the page is what code
and tests say.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import delivery


@pytest.fixture(scope="module")
def found() -> tuple[dict[str, delivery.Row], list[str]]:
    return delivery.table(delivery.types(), delivery.proofs(delivery.files_of_tests()))


def test_every_guarantee_has_a_proof(found):
    assert found[1] == []


def test_the_page_is_up_to_date(found):
    assert delivery.PAGE.read_text() == delivery.page(found[0]), "run: make docs"


def test_what_a_cluster_rests_on_is_there(found):
    rows = found[0]
    assert {
        "channel http",
        "channel soap",
        "channel schedule",
        "async invocation",
        "outgoing http",
    } <= set(rows)
    assert set(rows["async invocation"].claims) == set(delivery.CELLS)


TYPES = {"channel one": "at_most_once", "channel two": "at_least_once", "outgoing one": ""}


def faults(tmp_path: Path, text: str, guaranteed: bool = True) -> list[str]:
    """What is wrong with the marks of a file, the file's name left out."""
    file = tmp_path / "test_it.py"
    if guaranteed:
        text += '@pytest.mark.proves("channel one", "guarantee")\n'
        text += '@pytest.mark.proves("channel two", "guarantee")\n'
        text += "def test_both(): ...\n"
    file.write_text(text)
    return [
        fault.replace("test_it.py::", "")
        for fault in delivery.table(TYPES, delivery.proofs([file], tmp_path))[1]
    ]


def test_a_channel_type_without_a_proof_is_told_by_name(tmp_path):
    text = '@pytest.mark.proves("channel one", "guarantee")\nclass TestOne: ...\n'
    assert faults(tmp_path, text, guaranteed=False) == [
        'channel two: no test is marked with pytest.mark.proves("channel two", "guarantee")'
    ]
    assert faults(tmp_path, text) == []


@pytest.mark.parametrize(
    ("mark", "fault"),
    [
        ('"channel three", "guarantee"', "test_a: there is no channel three"),
        ('"outgoing two", "guarantee", "g"', "test_a: there is no outgoing two"),
        ('"channel one", "fsync", "x"', "test_a: there is no cell 'fsync'"),
        (
            '"channel one", "guarantee", "always"',
            "test_a: the guarantee of channel one is said by its class",
        ),
        (
            '"channel one", "durability"',
            "channel one: its durability is proven and nowhere claimed",
        ),
        (
            '"something else", "guarantee"',
            "something else: its guarantee is proven and nowhere claimed",
        ),
        ('"something else", "durability", "x"', "something else: no test is marked"),
        ('"channel one"', "test_a: give a subject, a cell and perhaps a claim"),
        ("NAME, CELL", "test_a: give a subject, a cell and perhaps a claim"),
        ('"channel one", cell="guarantee"', "test_a: give a subject, a cell and perhaps a claim"),
    ],
)
def test_faults_of_marks_are_told(tmp_path, mark, fault):
    (told,) = faults(tmp_path, f"@pytest.mark.proves({mark})\ndef test_a(): ...\n")
    assert told.startswith(fault)


def test_two_claims_for_one_cell_and_tests_that_are_left_out(tmp_path):
    text = '@pytest.mark.proves("channel one", "loss window", "{}")\ndef test_{}(): ...\n'
    assert faults(tmp_path, text.format("x", "a") + text.format("x", "b")) == []
    (told,) = faults(tmp_path, text.format("x", "a") + text.format("y", "b"))
    assert told == "test_b: the loss window of channel one is claimed to be something else too"
    text = '@pytest.mark.skipif(True)\n@pytest.mark.proves("channel one", "guarantee")\ndef test_c(): ...\n'
    assert faults(tmp_path, text) == ["test_c: a test with pytest.mark.skipif proves nothing"]


def test_cells_name_their_tests(tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text(
        'class TestAll:\n    @pytest.mark.proves("channel one with a key", "duplicates", "some")\n'
        '    @pytest.mark.proves("channel one with a key", "guarantee", "once")\n'
        "    async def test_a(self): ...\n"
        '@pytest.mark.proves("channel two", "guarantee")\nclass TestTwo: ...\n'
    )
    rows, _ = delivery.table(TYPES, delivery.proofs([file], tmp_path))
    page = delivery.page(rows)
    assert (
        "| [channel one with a key](reference/types.md#channel-one) | once [1] |  |  | some [1] |"
        in page
    )
    assert (
        "| [channel two](reference/types.md#channel-two) | at least once [2] | what the other side keeps"
        in page
    )
    assert "1. `test_it.py::TestAll::test_a`\n2. `test_it.py::TestTwo`\n" in page
