"""The operating guide and its configuration files match the code."""

import json
import re
from pathlib import Path

import yaml

from serving.arguments import parser
from serving.http.errors import ERROR_CODES
from serving.http.metrics import Metrics
from serving.last_hour import SCORE_MEAN, TERM_SHIFT
from serving.settings import PREFIX, Settings

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "operating.md").read_text()
OUTPUT_COLUMNS = {"churn_prediction", "churn_probability"}
HISTOGRAMS = ("churn_request_seconds", "churn_probability")


def exposed_names():
    """The names of all metrics that the server can expose."""
    metrics = Metrics()
    return (
        {
            name
            for family in metrics.registry.collect()
            for name in (family.name, f"{family.name}_total")
        }
        | {SCORE_MEAN, TERM_SHIFT}
        | {f"{histogram}_{part}" for histogram in HISTOGRAMS for part in ("bucket", "sum", "count")}
    )


def test_the_dashboard_and_the_guide_name_only_metrics_that_exist():
    dashboard = json.loads((DOCS / "operating" / "grafana.json").read_text())
    queries = " ".join(target["expr"] for p in dashboard["panels"] for target in p["targets"])
    for text in (queries, " ".join(re.findall(r"`(churn_[a-z_]+)`", GUIDE))):
        named = set(re.findall(r"\bchurn_[a-z_]+", text))
        assert named
        assert named - OUTPUT_COLUMNS <= exposed_names()


def test_the_alerts_name_only_metrics_that_exist_and_say_what_to_do():
    rules = yaml.safe_load((DOCS / "operating" / "alerts.yml").read_text())["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == {"ChurnTermShift", "ChurnInferenceLogDropsRows"}
    for rule in rules:
        named = set(re.findall(r"\bchurn_[a-z_]+", rule["expr"]))
        assert named
        assert named <= exposed_names()
        assert rule["annotations"]["description"]
    prometheus = yaml.safe_load((DOCS / "operating" / "prometheus.yml").read_text())
    assert prometheus["rule_files"] == ["alerts.yml"]


def test_the_guide_describes_every_metric():
    for name in [family.name for family in Metrics().registry.collect()] + [SCORE_MEAN, TERM_SHIFT]:
        assert f"`{name}" in GUIDE


def test_the_guide_describes_every_status():
    for status in (*ERROR_CODES, 408):
        assert re.search(rf"\b{status}\b", GUIDE)


def test_the_configuration_files_use_settings_and_routes_that_exist():
    text = (DOCS / "operating" / "kubernetes.yaml").read_text()
    kinds = {document["kind"]: document["spec"] for document in yaml.safe_load_all(text)}
    pod = kinds["Deployment"]["template"]
    labels = pod["metadata"]["labels"]
    for kind in ("PodDisruptionBudget", "Deployment"):
        assert kinds[kind]["selector"]["matchLabels"] == labels
    assert kinds["NetworkPolicy"]["podSelector"]["matchLabels"] == labels
    container = pod["spec"]["containers"][0]
    names = [entry["name"] for entry in container["env"] if entry["name"].startswith(PREFIX)]
    assert {name.removeprefix(PREFIX).lower() for name in names} <= set(Settings.model_fields)
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert kinds["Service"]["selector"] == labels
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    drain = float(environment[f"{PREFIX}DRAIN"])
    assert pod["spec"]["terminationGracePeriodSeconds"] > Settings().grace + drain
    unit = (DOCS / "operating" / "churn.service").read_text()
    flags = re.findall(r" --([a-z-]+)", re.search(r"ExecStart=(.*\\\n.*)", unit)[1])
    assert {flag.replace("-", "_") for flag in flags} <= set(Settings.model_fields)
    assert yaml.safe_load((DOCS / "operating" / "prometheus.yml").read_text())["scrape_configs"]


def test_the_inference_service_splits_traffic_and_starts_the_server():
    service = yaml.safe_load((DOCS / "operating" / "inferenceservice.yaml").read_text())
    assert (service["apiVersion"], service["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    predictor = service["spec"]["predictor"]
    assert 0 < predictor["canaryTrafficPercent"] < 100
    assert predictor["timeout"] > max(Settings().timeout, Settings().grace)
    (container,) = predictor["containers"]
    assert container["name"] == "kserve-container"  # KServe looks for this name
    _, command, *flags = container["command"] + container["args"]
    assert command == "serve"
    settings = parser().parse_args(flags)
    assert settings.host == "0.0.0.0"
    assert re.fullmatch(r"models:/churn/\d+", settings.model_uri)
    (port,) = container["ports"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("readiness", "liveness")}
    assert {probe["port"] for probe in probes.values()} == {port["containerPort"], Settings().port}
    assert probes["readiness"]["path"] == "/v2/health/ready"
    assert probes["liveness"]["path"] == "/v2/health/live"


def test_relative_links_point_to_files():
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", GUIDE):
        assert (DOCS / target).is_file()
