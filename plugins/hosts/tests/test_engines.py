"""URLs of engines: what other hosts cannot reach is refused, passwords and the authority's file are
put in.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hansa_hosts.cluster import with_authority
from hansa_hosts.engines import odb_url, redis_url


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("postgresql://u@db.example/hansa", "postgresql+psycopg://u:p%40ss@db.example/hansa"),
        ("postgres://u:own@10.0.0.9:5433/hansa", "postgresql+psycopg://u:own@10.0.0.9:5433/hansa"),
        ("mariadb://u@10.0.0.9/hansa", "mysql+pymysql://u:p%40ss@10.0.0.9/hansa"),
    ],
)
def test_an_odb_that_hosts_reach(given: str, made: str):
    assert odb_url(given, "p@ss") == made


def test_the_file_of_the_authority_has_its_place(tmp_path: Path):
    file = tmp_path / "a folder" / "ca.pem"
    url = odb_url("postgresql://u@db.example/hansa?sslrootcert={ca}", "")
    assert with_authority(url, file).endswith(f"sslrootcert={tmp_path}/a%20folder/ca.pem")
    url = redis_url("rediss://10.0.0.9:6380/0?ssl_ca_certs={ca}", "p@ss")
    assert with_authority(url, file).startswith("rediss://:p%40ss@10.0.0.9:6380/0?ssl_ca_certs=/")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("sqlite:////srv/odb.sqlite", "other hosts cannot reach"),
        ("postgresql://u@localhost/hansa", "this host alone"),
        ("postgresql://u@127.0.0.1/hansa", "this host alone"),
        ("postgresql:///hansa", "this host alone"),
        ("nothing", "is not a URL"),
    ],
)
def test_an_odb_that_they_do_not(given: str, fault: str):
    with pytest.raises(ValueError, match=fault):
        odb_url(given, "")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("redis://127.0.0.1:6379/0", "this host alone"),
        ("redis://[::1]:6379/0", "this host alone"),
        ("unix:///run/redis.sock", "this host alone"),
        ("http://10.0.0.9", "redis"),
    ],
)
def test_a_redis_that_they_do_not(given: str, fault: str):
    with pytest.raises(ValueError, match=fault):
        redis_url(given, "")


def test_sentinels_are_left_as_they_are():
    url = "redis+sentinel://10.0.0.5:26379,10.0.0.6:26379/main/0"
    assert redis_url(url, "") == url
