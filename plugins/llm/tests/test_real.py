"""A real model, if a server is named by HANSA_TEST_LLM, _MODEL and _KEY; each call costs tokens."""

from __future__ import annotations

import os

import pytest
from hansa import load
from hansa_llm.outgoing import LlmOutgoing
from hansa_llm.settings import LlmSettings

from plugins.llm.tests.servers import local_server

ADDRESS = os.environ.get("HANSA_TEST_LLM", "")
pytestmark = pytest.mark.skipif(not ADDRESS, reason="HANSA_TEST_LLM names no server")


def test_it_answers():
    settings = {"address": ADDRESS, "model": os.environ["HANSA_TEST_LLM_MODEL"], "security": "key"}
    server = local_server(os.environ["HANSA_TEST_LLM_KEY"])
    llm = LlmOutgoing("m", load(LlmSettings, settings), server)
    llm.start()
    try:
        found = llm.complete("Say hello in one word.", max_tokens=100)
        assert found.text.strip() and found.usage.total > 0
    finally:
        llm.stop()
