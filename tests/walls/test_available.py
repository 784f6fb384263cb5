"""The command line knows every distribution."""

from __future__ import annotations

from tools.available import FILE, text


def test_the_list_of_distributions_is_up_to_date():
    assert FILE.read_text() == text(), "run: make docs"
