"""The manifests of packaging/: valid for the API of Kubernetes, hardened, and of one piece with the image."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hansa.plugins.configuration import read_config

from tools.project import TOP

PACKAGING = TOP / "packaging"
VERSIONS = ("1.30", "1.37")
"""The oldest and the newest version of Kubernetes whose schema is checked."""
MANIFESTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((PACKAGING / "kubernetes/hansa.yaml").read_text())
)
COMPOSE: dict[str, Any] = yaml.safe_load((PACKAGING / "compose.yaml").read_text())
CONTAINERFILE = (PACKAGING / "Containerfile").read_text()


def manifest(kind: str) -> dict[str, Any]:
    return next(one for one in MANIFESTS if one["kind"] == kind)


def secrets(folder: Path) -> dict[str, str]:
    """Return what packaging/secrets.sh writes."""
    made = [str(PACKAGING / "secrets.sh"), str(folder)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "one", MANIFESTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}"
)
def test_the_schema_of_the_api(one: dict[str, Any], version: str):
    kubernetes_validate.validate(one, version, strict=True)


def test_the_schema_finds_faults():
    broken = {**manifest("StatefulSet")["spec"], "replicas": "two"}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {**manifest("StatefulSet"), "spec": broken}, VERSIONS[-1], strict=True
        )


def test_the_pods_are_what_the_image_is():
    pod = manifest("StatefulSet")["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert "\nUSER 10001:10001\n" in CONTAINERFILE
    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    assert server["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert server["livenessProbe"]["httpGet"]["path"] == "/hansa/live"
    assert server["readinessProbe"]["httpGet"]["path"] == "/hansa/ready"
    port = server["ports"][0]["containerPort"]
    assert f"\nEXPOSE {port}\n" in CONTAINERFILE
    config = tomllib.loads((PACKAGING / "config.toml").read_text())
    assert config["http"]["address"] == f"0.0.0.0:{port}"
    grace = config["server"].get("grace", 30) * 2 + 30
    assert pod["terminationGracePeriodSeconds"] >= grace
    assert manifest("ConfigMap")["data"]["config.toml"] == (PACKAGING / "config.toml").read_text()
    budget = manifest("PodDisruptionBudget")["spec"]
    assert budget["selector"] == manifest("StatefulSet")["spec"]["selector"]
    claimed = {
        one["metadata"]["name"] for one in manifest("StatefulSet")["spec"]["volumeClaimTemplates"]
    }
    mounted = {one["name"] for one in server["volumeMounts"]}
    assert mounted == claimed | {one["name"] for one in pod["volumes"]}


def test_compose_is_hardened_and_waits_for_its_engines():
    services = COMPOSE["services"]
    for name in ("server1", "server2"):
        server = services[name]
        assert server["hostname"] == name
        assert server["read_only"] is True
        assert server["cap_drop"] == ["ALL"]
        assert all(str(port).startswith("127.0.0.1:") for port in server["ports"])
        for engine, condition in server["depends_on"].items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[engine]
    volumes = {str(one).partition(":")[0] for each in services.values() for one in each["volumes"]}
    assert {one for one in volumes if not one.startswith(".")} == set(COMPOSE["volumes"])


def test_the_secrets_are_what_the_configuration_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = secrets(tmp_path / "secrets")
    assert secrets(tmp_path / "secrets") == made  # those that are there are kept
    assert {oct(file.stat().st_mode & 0o777) for file in (tmp_path / "secrets").iterdir()} == {
        "0o600"
    }
    text = (PACKAGING / "config.toml").read_text()
    read = set(re.findall(r"/run/secrets/hansa/([a-z-]+)", text))
    assert read <= set(made)
    (tmp_path / "config.toml").write_text(
        text.replace("/run/secrets/hansa", str(tmp_path / "secrets"))
    )
    monkeypatch.setenv("HOSTNAME", "server7")
    config = read_config(tmp_path / "config.toml")
    assert config.server.name == "server7"
    assert config.odb_url.startswith("postgresql+psycopg://hansa:")
    mounted = {str(one) for each in COMPOSE["services"].values() for one in each["volumes"]}
    files = {Path(one.partition(":")[0]).name for one in mounted if one.startswith("./secrets/")}
    assert files <= set(made)
