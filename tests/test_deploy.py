"""deploy/: what the files for containers and systemd say of the app is so. Docker and a cluster were not at hand."""

import re
from pathlib import Path

import pytest
import yaml

from core.settings import ROOT
from tabs.ui.web.health import PATHS

DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def kubernetes() -> dict[str, dict]:
    text = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def compose() -> dict:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", sorted(DEPLOY.iterdir()), ids=lambda file: file.name)
def test_every_variable_is_one_that_the_app_reads(file: Path) -> None:
    known = (ROOT / "core" / "settings.py").read_text(encoding="utf-8")
    named = set(re.findall(r"OMOKAGE_[A-Z_]+", file.read_text(encoding="utf-8")))
    assert named and {name for name in named if f'"{name}"' not in known} == set()


def test_kubernetes_runs_one_as_the_image_is_made() -> None:
    found = kubernetes()
    assert set(found) == {"PersistentVolumeClaim", "Deployment", "Service"}
    spec = found["Deployment"]["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert spec["replicas"] == 1 and spec["strategy"] == {"type": "Recreate"}
    labels = spec["template"]["metadata"]["labels"]
    assert labels == spec["selector"]["matchLabels"] == found["Service"]["spec"]["selector"]
    probes = [container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert all(probe["path"] in PATHS and probe["port"] == "http" for probe in probes)
    [port] = container["ports"]
    assert f"EXPOSE {port['containerPort']}" in DOCKERFILE and port["name"] == "http"
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == "http"
    assert f"--uid {pod['securityContext']['runAsUser']}" in DOCKERFILE
    [mount] = container["volumeMounts"]
    [volume] = pod["volumes"]
    assert f'VOLUME ["{mount["mountPath"]}"]' in DOCKERFILE and mount["name"] == volume["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    login = next(one for one in container["env"] if one["name"] == "OMOKAGE_AUTH")
    assert "valueFrom" in login and "value" not in login  # no password in a file
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_compose_publishes_the_app_to_this_machine_alone_and_vllm_to_nobody() -> None:
    services = compose()["services"]
    app, vllm = services["omokage"], services["vllm"]
    assert app["ports"] == ["127.0.0.1:7860:7860"] and "ports" not in vllm
    assert app["environment"]["OMOKAGE_REMOTE_SERVERS"] == "http://vllm:8000/v1" and vllm["expose"] == ["8000"]
    assert app["environment"]["OMOKAGE_AUTH"].startswith("${OMOKAGE_AUTH:?")
    assert (DEPLOY / app["build"]["context"]).resolve() == ROOT and vllm["profiles"]
    mounted = {one.split(":")[0] for service in services.values() for one in service["volumes"]}
    assert mounted == set(compose()["volumes"])
    assert "omokage:/app/workspace" in app["volumes"] and "omokage:/app/workspace:ro" in vllm["volumes"]


def test_the_guides_name_every_file() -> None:
    for guide in ("deploy.md", "deploy.ja.md"):
        text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
        assert all(f"deploy/{file.name}" in text for file in DEPLOY.iterdir())
        assert all(path in text for path in (*PATHS, "core.workspace export", "make space", "--check"))
