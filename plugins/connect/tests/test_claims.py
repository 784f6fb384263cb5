"""Claims: their names tell everything, and hold any name of a file."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hansa_connect.claims import LONGEST, Claim, fits, owner_of
from hansa_connect.files import is_file_name
from hypothesis import assume, given, strategies as some

NAMES = some.text(
    some.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]),
    min_size=1,
    max_size=255,
)


@given(NAMES, some.integers(0, 999_999), some.floats(0, 1e6))
def test_the_name_of_a_claim_tells_all_of_it(name, attempts, delay):
    assume(is_file_name(name))
    claim = Claim.new("01234567", name).again("89abcdef", delay, attempts=attempts)
    assert Claim.parse(claim.file) == claim
    assert claim.attempt == attempts and claim.name == name and claim.owner == "89abcdef"
    assert abs(claim.due / 1000 - delay - time.time()) < 5


@given(NAMES)
def test_what_fits_is_never_too_long_whatever_becomes_of_it(name):
    assume(fits(name))
    claim = Claim.new("01234567", name).again("01234567", 1e6, attempts=999_999)
    for made in (claim.file, claim.final, claim.final + ".cause.json"):
        assert len(made.encode()) <= LONGEST


@given(NAMES)
def test_other_files_are_no_claims(name):
    claim = Claim.parse(name)
    assert claim is None or claim.file == name


def test_marks_are_unique_by_construction_and_in_order():
    claims = [Claim.new("01234567", "same") for _ in range(20_000)]
    assert len({claim.mark for claim in claims}) == 20_000
    assert claims == sorted(claims, key=lambda claim: claim.mark)


def test_marks_of_threads_and_of_forked_processes_differ():
    with ThreadPoolExecutor(4) as pool:
        marks = list(pool.map(lambda number: Claim.new("01234567", "same").mark, range(4000)))
    assert len(set(marks)) == 4000
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, Claim.new("01234567", "same").mark.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode()[-8:] != marks[0][-8:]
    os.close(reading)
    os.close(writing)


def test_marks_stay_unique_when_the_clock_stands_still(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    assert len({Claim.new("01234567", "same").mark for _ in range(500)}) == 500


def test_claims_of_earlier_versions_are_read():
    claim = Claim.parse("20260101T000000-0a1b2c.01234567.2.1767225600000. lead.csv ")
    assert claim == Claim("20260101T000000-0a1b2c", "01234567", 2, 1767225600000, " lead.csv ")


@pytest.mark.parametrize("name", ["a\r\nDELE b", "..\\b", "a\\..\\b", "a/../../b", ".."])
def test_a_name_that_leads_elsewhere_is_no_claim(name):
    assert Claim.parse(Claim.new("01234567", name).file) is None


def test_owners_differ_by_cluster_and_channel():
    assert (
        len({owner_of(*names) for names in (("a", "b"), ("ab", ""), ("", "ab"), ("a", "c"))}) == 4
    )
    assert owner_of("a", "b") == owner_of("a", "b")
