"""What is told of a member that waits for its group."""

from __future__ import annotations

import json

from hansa_kafka.admission import Admission


def statistics(state):
    return json.dumps({"name": "x", "cgrp": {"state": "up", "join_state": state}})


def test_it_is_told_once_that_a_member_waits_and_once_that_it_is_over():
    told: list[str] = []
    admission = Admission("g", 0.0, told.append)
    for state in ("init", "wait-join", "wait-sync"):
        admission(statistics(state))
    (why,) = told
    assert "the group 'g' has not admitted this member for 0 s" in why
    for state in ("steady", "steady", "wait-join"):
        admission(statistics(state))
    assert told[1] == "" and len(told) == 3


def test_what_is_over_in_time_is_not_told():
    told: list[str] = []
    admission = Admission("g", 3600.0, told.append)
    admission(json.dumps({"name": "x"}))  # it has not begun
    for state in ("wait-join", "steady", "wait-sync", "steady"):
        admission(statistics(state))
    assert told == []
