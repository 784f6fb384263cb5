"""HTTP Basic: what is stored, which headers are read, what is told and what is not."""

from __future__ import annotations

import base64
import timeit
import unicodedata
from dataclasses import replace

import pytest
from hansa import HansaError, Invalid, Refused, Request, Secret, dump, load
from hansa_devkit.local import LocalServer
from hansa_security.basic import Basic, BasicSettings
from hansa_security.credential import Credential
from hypothesis import given, strategies as st

SERVER = LocalServer()


def make(**settings) -> Basic:
    config = load(BasicSettings, {"username": "alice", "password": "s3cret word", **settings})
    return Basic("partner", Basic.prepare(config), SERVER)


def clear(**settings) -> Basic:
    """An object whose password came from a file: never prepared."""
    return Basic(
        "partner",
        load(BasicSettings, {"username": "alice", "password": "s3cret word", **settings}),
        SERVER,
    )


def header(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} " + base64.b64encode(f"{user}:{password}".encode()).decode()


def call(security, value: str, peer: str = "192.0.2.1"):
    return security.authenticate(Request(headers={"authorization": value}, peer=peer))


def refusal(security, value: str, peer: str = "192.0.2.2") -> Refused:
    with pytest.raises(Refused) as caught:
        call(security, value, peer)
    return caught.value


def test_the_password_is_stored_as_argon2id_of_the_agreed_cost(agreed_cost: None):
    stored = make().config.password
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert isinstance(stored, Secret)


def test_the_same_password_is_never_stored_the_same_way():
    assert make().config.password != make().config.password


def test_a_password_that_signs_stays_as_it_is():
    assert make(signs=True).config.password == "s3cret word"


def test_a_hash_given_as_password_is_kept():
    stored = str(make().config.password)
    again = make(password=stored)
    assert again.config.password == stored
    assert call(again, header("alice", "s3cret word")) == "alice"


# the first one is an example of passlib's documentation
FOREIGN = {
    "password": "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg"
    "$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44",
    "Größe-1": "$pbkdf2-sha512$100000$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKiss"
    "LS4vMDEyMzQ1Njc4OTo7PD0.Pw$wMaGD39iM4vyuMHj5yW3XcvYrFVb4qu..XfoOMvy6DdnKSAm8zsuOnfKr360xu/cVW"
    "WUqLCi1eZ3wIl4EU/RMg",
}


@pytest.mark.parametrize("password", FOREIGN)
def test_a_hash_of_another_program_is_kept_and_verified(password: str):
    stored = FOREIGN[password]
    security = make(password=stored)
    assert security.config.password == stored
    assert call(security, header("alice", password)) == "alice"
    refusal(security, header("alice", password + "x"))
    refusal(security, header("alice", stored))
    with pytest.raises(Invalid, match="hash, which cannot sign"):
        load(BasicSettings, {"username": "a", "password": stored, "signs": True})


@pytest.mark.parametrize(
    ("rounds", "fault"), [("600001", "costs too much"), ("999", "guessed too fast")]
)
def test_a_hash_of_another_program_has_a_cost_within_bounds(rounds: str, fault: str):
    stored = FOREIGN["password"].replace("6400", rounds)
    with pytest.raises(Invalid, match=fault):
        load(BasicSettings, {"username": "a", "password": stored})


@pytest.mark.parametrize("part", [-1, -2, -40])
def test_what_only_looks_like_a_hash_of_another_program_is_a_password(part: int):
    shorter = FOREIGN["password"][:part]
    security = make(password=shorter)
    assert security.config.password.startswith("$argon2id$")
    assert call(security, header("alice", shorter)) == "alice"


def test_what_only_looks_like_a_hash_is_a_password():
    security = make(password="$argon2id$nonsense")
    assert security.config.password.startswith("$argon2id$v=19$")
    assert call(security, header("alice", "$argon2id$nonsense"))


def test_the_hash_itself_is_no_password():
    security = make()
    refusal(security, header("alice", str(security.config.password)))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"username": "a:b"}, "username"),
        ({"username": "a\n"}, "username"),
        ({"username": ""}, "username"),
        ({"password": ""}, "password"),
        ({"password": "a\x00b"}, "password"),
        ({"password": "x" * 1025}, "password"),
        (
            {"password": "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA"},
            "password",
        ),
        ({"realm": "Grüße"}, "realm"),
        ({"realm": "one\n"}, "realm"),
    ],
)
def test_what_basic_cannot_carry_is_refused(settings, fault):
    with pytest.raises(Invalid) as caught:
        make(**settings)
    assert list(caught.value.errors) == [fault]


def test_switching_signs_on_needs_the_password_again():
    stored = dump(make().config, str)
    with pytest.raises(Invalid, match="give the password again"):
        load(BasicSettings, {**stored, "signs": True})


def test_switching_signs_off_hashes_the_password():
    stored = dump(make(signs=True).config, str)
    config = Basic.prepare(load(BasicSettings, {**stored, "signs": False}))
    assert config.password.startswith("$argon2id$")


def test_the_principal_says_who_and_by_which_definition():
    principal = call(make(), header("alice", "s3cret word"))
    assert (principal, principal.name, principal.definition) == ("alice", "alice", "partner")
    with pytest.raises(AttributeError, match="cannot be changed"):
        principal.definition = "other"


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_is_read_in_any_case(scheme):
    assert call(clear(), header("alice", "s3cret word", scheme))


def test_a_password_may_contain_colons():
    assert call(clear(password="a:b:c"), header("alice", "a:b:c"))


def test_composed_and_decomposed_letters_are_the_same():
    security = make(username="jos\u00e9", password="caf\u00e9 au lait")
    assert (
        call(security, header(unicodedata.normalize("NFD", "josé"), "cafe\u0301 au lait"))
        == "jos\u00e9"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWxpY2U",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer abc",
        "Digest username=alice",
        "Basic " + "A" * 100_000,
        "\udcff",
        "Basic \udcff",
        header("alice", "s3cret word") + ", " + header("alice", "s3cret word"),
        "Basic Ög==",
    ],
)
def test_malformed_headers_are_refused_without_a_look_at_the_password(value, monkeypatch):
    security = make()
    monkeypatch.setattr(
        "hansa_security.credential.Credential.matches",
        lambda *_: pytest.fail("the password was looked at"),
    )
    assert refusal(security, value).status == 401


@given(
    st.text(st.characters(), max_size=60)
    | st.binary(max_size=60).map(lambda raw: "Basic " + base64.b64encode(raw).decode())
)
def test_any_header_is_accepted_or_refused(value):
    refused = refusal(SHARED, value, peer=str(hash(value)))
    assert refused.status == 401


SHARED = clear(password=str(id(object())) * 4)


def test_the_challenge_names_realm_and_charset():
    assert refusal(clear(), "").headers == {
        "WWW-Authenticate": 'Basic realm="hansa", charset="UTF-8"'
    }
    quoted = refusal(clear(realm='a "b" \\'), "").headers["WWW-Authenticate"]
    assert quoted == 'Basic realm="a \\"b\\" \\\\", charset="UTF-8"'


def test_wrong_user_and_wrong_password_are_told_the_same():
    security = make()
    one, other = (
        refusal(security, header("mallory", "s3cret word")),
        refusal(security, header("alice", "wrong")),
    )
    assert (one.detail, one.headers, one.status) == (other.detail, other.headers, other.status)


def test_wrong_user_and_wrong_password_cost_the_same(monkeypatch):
    seen = []
    original = Credential.matches

    def matches(self: Credential, given: str) -> bool:
        seen.append(given)
        return original(self, given)

    monkeypatch.setattr(Credential, "matches", matches)
    security = make()
    refusal(security, header("mallory", "s3cret word"))
    refusal(security, header("alice", "wrong"))
    assert seen == ["s3cret word", "wrong"]


def test_signing_unless_told_to_is_an_error_that_says_what_to_do():
    with pytest.raises(
        HansaError,
        match="partner neither signs outgoing calls nor logs in: its setting signs is off",
    ) as caught:
        make().sign({})
    assert caught.value.status == 500


def test_a_signed_call_carries_what_was_set():
    headers = {"Accept": "*/*"}
    make(signs=True, password="gr\u00fc\u00df").sign(headers)
    assert (
        base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        == "alice:gr\u00fc\u00df"
    )


def test_an_edit_forgets_what_the_old_password_opened():
    old = make()
    assert call(old, header("alice", "s3cret word"))
    new = Basic(
        "partner", Basic.prepare(replace(old.config, password=Secret("another one"))), SERVER
    )
    refusal(new, header("alice", "s3cret word"), peer="192.0.2.7")
    assert call(new, header("alice", "another one"), peer="192.0.2.7")


def test_a_known_caller_costs_microseconds():
    security = make()
    request = Request(headers={"authorization": header("alice", "s3cret word")}, peer="192.0.2.3")
    security.authenticate(request)
    best = min(timeit.repeat(lambda: security.authenticate(request), number=2000, repeat=7)) / 2000
    assert best < 10e-6, f"{best * 1e6:.1f} us"
