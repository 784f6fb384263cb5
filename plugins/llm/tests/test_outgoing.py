"""The outgoing connection holds the contract, its limits, and keeps its key to itself."""

from __future__ import annotations

import logging
import time

import pytest
from hansa import Invalid, Misused, TimedOut, Unavailable, load
from hansa_devkit import OutgoingContract
from hansa_http.response import BadAnswer
from hansa_llm import BudgetSpent, ModelFault, Overloaded
from hansa_llm.outgoing import LlmOutgoing
from hansa_llm.settings import LlmSettings

from plugins.connect.tests.on_peer import OnPeer
from plugins.llm.tests.servers import ModelStandIn, SecureModelStandIn, local_server

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


class TestLlm(OnPeer, OutgoingContract):
    cls, make_peer = LlmOutgoing, ModelStandIn
    timeout_setting = "deadline"
    refusal = "the server refuses the key"
    earlier = (
        {"address": "https://example.com", "model": "small-model", "verify": "/etc/ssl/ca.pem"},
    )

    def make_server(self):
        return local_server(self._peer.password)

    def settings(self):
        return {**super().settings(), "retry_delay": 0.05, "timeout": 5}

    def secrets(self):
        return [self._peer.password]

    def use(self, outgoing):
        assert outgoing.complete("Hello").text == "Hello"

    def peer_refuses(self):
        self.server  # noqa: B018 # made now, with the key that the server knows now
        return self.other_password("sk-another-key-of-this-test")

    # -- calls -------------------------------------------------------------------------------------

    def test_what_is_sent(self):
        with self.running() as llm:
            found = llm.complete("headers", system="Be brief.", temperature=0, max_tokens=7)
            assert found.data()["request"] == {
                "model": "small-model",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "headers"},
                ],
                "max_tokens": 7,
                "temperature": 0,
            }
        with self.running(limit_parameter="max_completion_tokens") as llm:
            messages = [
                {"role": "user", "content": "Grüße ✓"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "headers"},
            ]
            sent = llm.complete(messages, model="other-model").data()["request"]
            assert sent["messages"] == messages and sent["model"] == "other-model"
            assert sent["max_completion_tokens"] == 1024 and "max_tokens" not in sent

    def test_what_comes_back(self):
        with self.running() as llm:
            found = llm.complete("one two three")
            assert (found.finish_reason, found.model) == ("stop", "small-model")
            assert (found.usage.read, found.usage.written, found.usage.total) == (3, 3, 6)
            schema = {"type": "object", "properties": {"kind": {"type": "string"}}}
            assert llm.complete("json", schema=schema).data() == {"kind": "order", "schema": True}
            [call] = llm.complete("tools", tools=[TOOL], tool_choice="required").tool_calls
            assert (call.id, call.name, call.parsed()) == ("call-1", "weather", {"city": "Köln"})
            cut = llm.complete("long", max_tokens=3)
            assert cut.finish_reason == "length" and cut.text.split() == ["word"] * 3
            with pytest.raises(BadAnswer, match="'length', is not JSON"):
                cut.data()
            with pytest.raises(BadAnswer, match="no chat completion"):
                llm.complete("nonsense")

    def test_what_gets_round_a_limit_is_refused(self):
        with self.running(max_request=2000) as llm:
            for options, name in (
                ({"stream": True}, "not streamed"),
                ({"n": 2}, "one answer"),
                ({"max_completion_tokens": 10**6}, "argument or a setting"),
                ({"max_tokens": 1025}, "from 1 to 1024"),
                ({"max_tokens": 0}, "from 1 to 1024"),
            ):
                with pytest.raises(Misused, match=name):
                    llm.complete("Hello", **options)
            with pytest.raises(Misused, match="does not stream"):
                llm.stream("Hello")
            with pytest.raises(Invalid, match="max_request is 2000"):
                llm.complete("x" * 2000)
            with pytest.raises(Invalid, match="are empty"):
                llm.complete([])
            with pytest.raises(Invalid, match="written as JSON"):
                llm.complete("Hello", temperature=object())

    # -- refusals ----------------------------------------------------------------------------------

    def test_a_busy_server_is_asked_again_when_it_says(self):
        with self.running() as llm:
            began = time.monotonic()
            assert llm.complete("busy one 1 1").text
            assert time.monotonic() - began >= 1
            with pytest.raises(Overloaded) as caught:
                llm.complete("busy two 9 0")
            assert caught.value.status == 503
            began = time.monotonic()
            with pytest.raises(Overloaded) as caught:
                llm.complete("busy three 1 3600")
            assert caught.value.wait == 3600 and time.monotonic() - began < 5
            with pytest.raises(Overloaded):
                llm.complete("status 529")

    def test_a_refusal_is_for_the_log_alone(self):
        with self.running() as llm:
            with pytest.raises(ModelFault) as caught:
                llm.complete("status 400")
            assert caught.value.outcome == "reject" and caught.value.internal
            assert "10.0.0.1" in caught.value.reason and "10.0.0.1" not in caught.value.detail
            with pytest.raises(ModelFault) as caught:
                llm.complete("Hello", model="unknown")
            assert "settings address and model" in caught.value.reason
        assert not self.server.losses

    def test_the_key_is_in_no_error_and_no_log_line(self, caplog):
        key = self._peer.password
        self.server  # noqa: B018 # made now, with the key that the server knows now
        with caplog.at_level(logging.DEBUG), self.running() as llm, self.other_password():
            for call in (llm.ping, lambda: llm.complete("Hello")):
                with pytest.raises(Unavailable, match="setting security names") as caught:
                    call()
                assert key not in caught.value.explanation
        assert key not in caplog.text

    def test_a_key_that_a_refusal_repeats_is_left_out(self):
        with self.running() as llm, pytest.raises(ModelFault) as caught:
            llm.complete("status 400")
        assert caught.value.reason == "no: http://10.0.0.1/ has key Bearer ***"

    # -- budget ------------------------------------------------------------------------------------

    def test_a_budget_is_kept(self):
        with self.running(max_tokens=10, budget=30, budget_period=10**6) as llm:
            for _ in range(3):
                llm.complete("one two three four")
            assert llm.ping().endswith("24 of 30 tokens spent")
            with pytest.raises(BudgetSpent, match="30 tokens in 1000000 s") as caught:
                llm.complete("one")
            assert 0 < caught.value.wait <= 10**6 and caught.value.status == 503
            assert llm.complete("one two three", max_tokens=6).text

    def test_what_does_not_tell_its_usage_counts_in_full_and_failures_do_not(self):
        with self.running(max_tokens=10, budget=100, budget_period=10**6, retries=0) as llm:
            llm.complete("no-usage")
            assert llm._budget.spent() == 10
            for text in ("status 400", "status 503"):
                with pytest.raises((ModelFault, Overloaded)):
                    llm.complete(text)
            assert llm._budget.spent() == 10
            with pytest.raises(BadAnswer):
                llm.complete("nonsense")
            assert llm._budget.spent() == 20

    def test_a_call_that_is_not_answered_in_time_counts_in_full(self):
        settings = {"max_tokens": 10, "budget": 100, "budget_period": 10**6}
        with self.running(**settings, deadline=0.5, timeout=0.5) as llm:
            llm.complete("one")
            with self.peer_hangs(), pytest.raises(TimedOut):
                llm.complete("one")
            assert llm._budget.spent() == 12
            self.peer_down()
            with pytest.raises(Unavailable):
                llm.complete("one")
            assert llm._budget.spent() == 12

    def test_an_answer_cannot_enlarge_the_budget(self):
        with self.running(max_tokens=10, budget=100, budget_period=10**6) as llm:
            llm.complete("minus")
            assert llm._budget.spent() == 1


@pytest.mark.evidence("tls")
def test_over_tls(real_server):
    peer = real_server(SecureModelStandIn)
    made = LlmOutgoing("m", load(LlmSettings, peer.settings), local_server(peer.password))
    made.start()
    assert made.complete("Hello").text == "Hello"
    made.stop()
    settings = load(LlmSettings, {**peer.settings, "tls_ca": ""})
    stranger = LlmOutgoing("m", settings, local_server(peer.password))
    stranger.start()
    with pytest.raises(Unavailable, match="tls_ca"):
        stranger.ping()
    stranger.stop()


def test_a_budget_less_than_a_call_is_refused():
    given = {"address": "https://example.com", "model": "m", "max_tokens": 10, "budget": 9}
    with pytest.raises(Invalid, match="less than one call"):
        load(LlmSettings, given)
    assert load(LlmSettings, {**given, "budget": 10}).budget == 10
