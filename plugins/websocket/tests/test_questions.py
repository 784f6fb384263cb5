"""Questions: one at a time, each with its own answer, also when some are given up or fail."""

from __future__ import annotations

import pytest
from hansa import Unavailable
from hansa_websocket.questions import Question, Questions


@pytest.fixture
def sent():
    return []


@pytest.fixture
def questions(sent):
    return Questions(sent.append)


def asked(questions, *messages):
    found = [Question(message) for message in messages]
    for question in found:
        questions.ask(question)
    return found


def test_each_waits_until_the_one_before_is_answered(questions, sent):
    first, second = asked(questions, "1", b"2")
    assert sent == ["1"]
    assert not first.wait(0)
    questions.answer("one")
    assert sent == ["1", b"2"]
    assert not second.wait(0)
    questions.answer(b"two")
    questions.answer("nobody has asked for this")
    (third,) = asked(questions, "3")
    questions.answer("three")
    assert all(question.wait(0) for question in (first, second, third))
    assert [question.result() for question in (first, second, third)] == ["one", b"two", "three"]


def test_one_that_has_not_been_sent_is_given_up(questions, sent):
    first, second, third = asked(questions, "1", "2", "3")
    assert not questions.give_up(second)
    questions.answer("one")
    assert sent == ["1", "3"]
    assert first.result() == "one"
    assert not questions.give_up(first)
    assert questions.give_up(third)
    assert not questions.give_up(third)


def test_what_cannot_be_sent_fails_and_the_next_one_is_sent(sent):
    def send(message):
        if message == "2":
            raise Unavailable("no")
        sent.append(message)

    questions = Questions(send)
    _, second, third = asked(questions, "1", "2", "3")
    questions.answer("one")
    assert sent == ["1", "3"]
    assert second.wait(0)
    with pytest.raises(Unavailable, match="no"):
        second.result()
    questions.answer("three")
    assert third.result() == "three"


def test_all_fail_once_the_connection_has_ended(questions, sent):
    first, second = asked(questions, "1", "2")
    questions.end(lambda: Unavailable("gone"))
    (third,) = asked(questions, "3")
    for question in (first, second, third):
        assert question.wait(0)
        with pytest.raises(Unavailable, match="gone"):
            question.result()
    assert sent == ["1"]
