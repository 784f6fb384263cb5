"""A real cluster, if one is named by environment variables: the same tour as with the stand-in.

HANSA_TEST_CASSANDRA has its contact points, separated by commas; HANSA_TEST_CASSANDRA_PORT, _USER and
_PASSWORD say where and as whom, _KEYSPACE names a keyspace in which tables may be made and emptied.
"""

from __future__ import annotations

import os

import pytest
from hansa import load
from hansa_cassandra.outgoing import CassandraOutgoing
from hansa_cassandra.settings import CassandraSettings
from hansa_devkit import LocalServer

from plugins.cassandra.tests.cql_tables import TABLES
from plugins.cassandra.tests.tour import STATEMENTS, tour

POINTS = os.environ.get("HANSA_TEST_CASSANDRA", "")
pytestmark = pytest.mark.skipif(not POINTS, reason="HANSA_TEST_CASSANDRA names no cluster")


def test_the_tour_of_a_real_cluster():
    settings = {
        "contact_points": POINTS.split(","),
        "port": int(os.environ.get("HANSA_TEST_CASSANDRA_PORT", "9042")),
        "keyspace": os.environ["HANSA_TEST_CASSANDRA_KEYSPACE"],
        "username": os.environ.get("HANSA_TEST_CASSANDRA_USER", ""),
        "password": os.environ.get("HANSA_TEST_CASSANDRA_PASSWORD") or None,
        "page_size": 3,
        "max_rows": 10,
    }
    shop = CassandraOutgoing("shop", load(CassandraSettings, settings), LocalServer())
    shop.start()
    try:
        for text in TABLES:
            shop.with_options(timeout=60).execute(text)
    finally:
        shop.stop()
    shop = CassandraOutgoing(
        "shop", load(CassandraSettings, {**settings, "statements": STATEMENTS}), LocalServer()
    )
    shop.start()
    try:
        tour(shop)
    finally:
        shop.stop()
