"""Marks of secrets: the same for the same secret, in this process or, with a salt, in all clusters."""

from __future__ import annotations

from hansa.odb.keys import Keys
from hansa.odb.secret_marks import HASHED, marked

ONE = Keys("a" * 43 + "=")
OTHER = Keys("b" * 43 + "=")
SALT = b"new for each comparison"


def test_clusters_with_other_keys_have_the_same_marks_with_a_salt() -> None:
    here = {"deep": [{"password": ONE.encrypt("secret")}], "plain": 1}
    there = {"deep": [{"password": OTHER.encrypt("secret")}], "plain": 1}
    assert marked(here, ONE, SALT) == marked(there, OTHER, SALT) != marked(there, OTHER, b"other")
    assert marked({"password": ONE.encrypt("another")}, ONE, SALT) != marked(
        {"password": ONE.encrypt("secret")}, ONE, SALT
    )


def test_one_that_cannot_be_read_stays() -> None:
    token = OTHER.encrypt("secret")
    assert marked(token, ONE, SALT) == token


def test_a_salted_hash_is_told_as_one() -> None:
    found = marked(ONE.encrypt("$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"), ONE, SALT)
    assert isinstance(found, dict) and str(found["$encrypted"]).startswith(HASHED)
