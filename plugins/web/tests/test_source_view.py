"""Sources as lines of HTML: by their language; what is large without it, in time that grows as they do."""

from __future__ import annotations

from hansa_web.source_view import LARGEST, LONGEST, highlighted

ELEMENT = '<b c="d">x</b>'


def test_each_line_has_its_number_and_its_language() -> None:
    shown = highlighted("service.py", "# <one>\nfor x in y:\n    pass\n")
    assert '<span id="L1"><span class="c"># &lt;one&gt;</span>\n</span>' in shown
    assert '<span id="L2"><span class="k">for</span>' in shown
    assert shown.count("<span id=") == 3


def test_what_is_long_or_large_is_plain() -> None:
    for line in (ELEMENT * (LARGEST // len(ELEMENT) + 1), f"{ELEMENT}\n" * (LONGEST + 1)):
        shown = highlighted("service.wsdl.xml", f"<a>{line}</a>")
        assert "&lt;b c=&#34;d&#34;&gt;" in shown and "<span class=" not in shown


def test_a_single_line_of_many_elements_is_shown() -> None:
    # joined anew for each element, this took minutes, of a thread of the web admin
    shown = highlighted("service.wsdl.xml", f"<a>{ELEMENT * (LARGEST // len(ELEMENT) - 1)}</a>")
    assert shown.count('<span class="s">') == LARGEST // len(ELEMENT) - 1
    assert shown.count("<span id=") == 1
