"""The pytest plugin: what an author who forgets something is told."""

from __future__ import annotations

pytest_plugins = ["pytester"]


def test_a_class_under_test_is_needed(pytester):
    pytester.makepyfile(
        """
        from hansa_devkit import OutgoingContract

        class TestOutgoing(OutgoingContract):
            pass
        """
    )
    result = pytester.runpytest_subprocess("-k", "test_ping")
    result.stdout.fnmatch_lines(["*TestOutgoing must say which class it tests: cls = ...*"])


def test_needed_hooks_are_asked_for(pytester):
    pytester.makepyfile(
        """
        from hansa_devkit import ChannelContract, FormatContract, SecurityContract
        from hansa_devkit.memory import MemoryChannel
        from hansa import Format, Security

        class Text(Format):
            "Text."
            def parse(self, raw, model=None):
                return raw.decode()

        class TestChannel(ChannelContract):
            cls, good = MemoryChannel, {"queue": "q"}

        class TestFormat(FormatContract):
            cls = Text

        class TestSecurity(SecurityContract):
            cls = Security
        """
    )
    result = pytester.runpytest_subprocess("-k", "a_swapped or hostile or right or wrong")
    result.stdout.fnmatch_lines_random(
        [
            "*TestChannel must define send(self, raw)*",
            "*TestFormat must name hostile input*",
            "*TestSecurity must give right*",
            "*TestSecurity must give wrong*",
        ]
    )


def test_checks_without_their_hooks_are_skipped_with_the_reason(pytester):
    pytester.makepyfile(
        """
        from hansa_devkit import OutgoingContract
        from hansa_devkit.memory import MemoryOutgoing

        class TestOutgoing(OutgoingContract):
            cls, good = MemoryOutgoing, {"queue": "skipping"}
        """
    )
    result = pytester.runpytest_subprocess("-rs")
    result.assert_outcomes(passed=16, skipped=4)
    result.stdout.fnmatch_lines_random(["*no peer_down()*", "*no peer_hangs()*"])


def test_each_type_of_a_plugin_must_have_a_contract(pytester):
    test = """
        from hansa_devkit import OutgoingContract
        from hansa_devkit.memory import MemoryOutgoing

        class TestOutgoing(OutgoingContract):
            cls, good = MemoryOutgoing, {"queue": "covered"}
        """
    pytester.makepyfile(test)
    result = pytester.runpytest_subprocess("--hansa-types", "hansa_devkit.plugin")
    assert result.ret != 0
    result.stderr.fnmatch_lines(["*no contract class of hansa-devkit tests: channel memory"])
    assert pytester.runpytest_subprocess("-q").ret == 0


def test_pytest_starts_without_the_kit(pytester):
    """Every run of pytest in an environment with hansa-devkit loads its plugin; it must be light."""
    pytester.makepyfile(
        """
        import sys

        def test_light():
            assert "hansa_devkit.pytest_plugin" in sys.modules
            assert "hansa_devkit.contract" not in sys.modules
            assert "hansa" not in sys.modules
        """
    )
    assert pytester.runpytest_subprocess("-q").ret == 0


def test_an_error_of_the_sender_is_what_is_told(pytester):
    pytester.makepyfile(
        """
        from hansa_devkit import ChannelContract
        from hansa_devkit.memory import MemoryChannel

        class TestChannel(ChannelContract):
            cls, good, patience = MemoryChannel, {"queue": "q"}, 0.5

            def send(self, raw):
                raise ConnectionError("no broker here")
        """
    )
    result = pytester.runpytest_subprocess("-k", "a_swapped")
    result.stdout.fnmatch_lines(["*ConnectionError: no broker here*"])
