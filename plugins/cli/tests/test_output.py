"""What is printed of what servers return."""

from __future__ import annotations

from hansa_cli.output import printable, text


def test_control_characters_of_others_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b]0;b\x07\r\x9b31m\u202e") == r"a\x1b]0;b\x07\r\x9b31m\u202e"
    assert printable("two\n\tlines, ö") == "two\n\tlines, ö"
    assert text(["\x1b[2J"]) == text("\x1b[2J") == r"\x1b[2J"
