"""What services of Zato do beside their own thread."""

from __future__ import annotations

from hansa import current_cid, deadline, time_left
from hansa_zato.dialect.threads import in_thread


def test_a_thread_of_a_service_has_its_correlation_id_and_outlives_its_deadline():
    found: list[object] = []

    def act(first: int, *, second: int) -> None:
        found.extend([first, second, current_cid.get(), time_left()])

    token = current_cid.set("K1")
    try:
        with deadline(60):
            in_thread(act, 1, second=2).join(30)
            assert time_left() is not None
    finally:
        current_cid.reset(token)
    assert found == [1, 2, "K1", None]
