"""`self.rates` of services: names, rates, and who counts together."""

from __future__ import annotations

import pytest
from hansa import Invalid, TooMany
from hansa_limits.plugin import hansa_attributes
from hansa_limits.service_rates import Rates


def rates_of(worker) -> Rates:
    found = hansa_attributes(worker.as_server)["rates"]
    assert isinstance(found, Rates)
    return found


def let_in(rates: Rates, name: str, rate: str, count: int, **options) -> int:
    """Return how many of so many calls there was room for."""
    found = 0
    for _ in range(count):
        try:
            rates.check(name, rate, **options)
        except TooMany:
            continue
        found += 1
    return found


def test_a_call_over_the_rate_is_refused_and_says_when_to_come_again(worker):
    rates = rates_of(worker)
    assert let_in(rates, "customer 7", "3/h", 3) == 3
    with pytest.raises(TooMany, match="the limit of 3/h requests is reached") as refused:
        rates.check("customer 7", "3/h")
    assert 0 < int(refused.value.headers["Retry-After"]) <= 1200
    assert let_in(rates, "customer 8", "3/h", 4) == 3
    assert let_in(rates, "customer 9", "3/h", 4, burst=1) == 1


def test_workers_count_together_unless_each_is_to(workers):
    one, other = rates_of(workers()), rates_of(workers())
    assert let_in(one, "a", "3/h", 2) + let_in(other, "a", "3/h", 2) == 3
    own = {"scope": "worker"}
    assert let_in(one, "b", "3/h", 4, **own) + let_in(other, "b", "3/h", 4, **own) == 6


def test_long_names_are_told_apart(worker):
    rates = rates_of(worker)
    names = ["ü" * 200 + "1", "ü" * 200 + "2", "\udcff", "?"]
    assert [let_in(rates, name, "1/h", 2) for name in names] == [1, 1, 1, 1]


@pytest.mark.parametrize(("rate", "burst"), [("10", 0), ("", 0), ("0/m", 0), ("1/m", -1)])
def test_what_is_no_rate_is_refused(worker, rate, burst):
    with pytest.raises(Invalid):
        rates_of(worker).check("a", rate, burst=burst)
