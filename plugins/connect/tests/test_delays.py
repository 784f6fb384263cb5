"""Messages that wait for another attempt come when they are due, in the order of that."""

from __future__ import annotations

from hansa_connect.delays import Delayed
from hansa_connect.delivery import Delivery
from hansa_devkit.harness.waiting import wait_until


def test_what_waits_comes_when_it_is_due():
    delayed = Delayed()
    late, soon, far = (Delivery(name, b"", {}) for name in ("late", "soon", "far"))
    soon.attempt = 3
    delayed.put(late, 0.05)
    delayed.put(soon, 0.0)
    delayed.put(far, 60)
    assert [one.tag for one in delayed.due(5)] == ["soon"]
    assert (soon.redelivered, soon.attempt) == (True, 1), "its attempts are counted elsewhere"
    assert 0 < delayed.seconds(10) <= 0.05 and delayed.seconds(0.001) == 0.001
    wait_until(lambda: delayed.seconds(10) == 0)
    assert delayed.due(0) == [] and [one.tag for one in delayed.due(1)] == ["late"]
    assert len(delayed) == 1 and [one.tag for one in delayed.all()] == ["far"]
    assert not len(delayed) and delayed.seconds(2) == 2
