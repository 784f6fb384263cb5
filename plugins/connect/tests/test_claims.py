"""Claims: their names tell everything, and hold any name of a file."""

from __future__ import annotations

import time

from hansa_connect.claims import LONGEST, Claim, fits, owner_of
from hansa_connect.files import is_clean
from hypothesis import assume, given, strategies as some

NAMES = some.text(
    some.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]),
    min_size=1,
    max_size=255,
)


@given(NAMES, some.integers(0, 999_999), some.floats(0, 1e6))
def test_the_name_of_a_claim_tells_all_of_it(name, attempts, delay):
    assume(is_clean(name))
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


def test_a_name_that_no_command_could_carry_is_no_claim():
    assert Claim.parse(Claim.new("01234567", "a\r\nDELE b").file) is None


def test_no_two_claims_have_one_mark_and_marks_tell_the_order():
    claims = [Claim.new("01234567", "same") for _ in range(500)]
    assert len({claim.mark for claim in claims}) == 500 == len({claim.final for claim in claims})
    assert [claim.mark[:15] for claim in claims] == sorted(claim.mark[:15] for claim in claims)


def test_owners_differ_by_cluster_and_channel():
    assert (
        len({owner_of(*names) for names in (("a", "b"), ("ab", ""), ("", "ab"), ("a", "c"))}) == 4
    )
    assert owner_of("a", "b") == owner_of("a", "b")
