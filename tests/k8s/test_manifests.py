"""What must hold in a cluster, one test a rule."""

import json
import re
import shutil
from typing import Any

import httpx2
import pytest
import yaml

from serving.settings import Settings
from serving.stop import CLEANUP_SECONDS
from tests.container.engine import RESTRICTED
from tests.k8s.kustomize import (
    COMPONENTS,
    K8S,
    container,
    copy_with_identity,
    environment,
    identity,
    named,
    names_left,
    needs_kubectl,
    only,
    overlay,
    render,
)
from tests.support import ROOT, serving

pytestmark = needs_kubectl

OVERLAYS = ("minikube", "production")
LABELS = {f"app.kubernetes.io/{key}" for key in ("name", "version", "component", "managed-by")}
SECRETS = {"tokens", "request-state-keys", "auth-key", "auth-issuer", "auth-audience"}


@pytest.fixture(params=[*OVERLAYS, "with everything"])
def resources(request, tmp_path):
    """Each overlay, and one with all components."""
    if request.param in OVERLAYS:
        return render(K8S / "overlays" / request.param)
    return render(overlay(tmp_path / "everything", COMPONENTS))


@pytest.fixture
def production():
    return render(K8S / "overlays" / "production")


@pytest.fixture
def everything(tmp_path):
    return render(overlay(tmp_path / "everything", COMPONENTS))


@pytest.fixture
def pod(resources):
    return only(resources, "Deployment")["spec"]["template"]["spec"]


def with_components(folder, *components):
    return render(overlay(folder / "-".join(components), components))


# Names


def test_nothing_is_called_as_in_the_base(resources):
    for resource in resources:
        assert resource["metadata"]["name"] != "server"
    text = yaml.safe_dump_all(resources)
    assert set(re.findall(r"^.*[ /]server$", text, re.MULTILINE)) == {"        name: server"}  # the container
    assert named(resources, "Namespace").keys() == {identity()["namespace"]}


@pytest.mark.parametrize("rendering", [*OVERLAYS, "with everything"])
def test_another_identity_leaves_no_old_name(rendering, tmp_path):
    new = {"name": "another-name", "namespace": "another-place", "image": "localhost:5000/me/other", "tag": "7.8.9"}
    k8s = copy_with_identity(tmp_path, **new)
    folder = k8s / "overlays" / rendering
    if rendering not in OVERLAYS:
        overlay(folder, COMPONENTS, k8s)
    resources = render(folder)
    assert not names_left(resources)
    assert named(resources, "Deployment").keys() == named(resources, "Service").keys() == {"another-name"}
    assert container(resources)["image"] == "localhost:5000/me/other:7.8.9"
    others = [each for each in resources if each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in others} == {"another-place"} == set(named(resources, "Namespace"))


@pytest.mark.parametrize("path", sorted((K8S / "overlays").iterdir()), ids=lambda path: path.name)
def test_components_are_listed_in_an_order_that_works(path):
    listed = [
        each.rpartition("/")[2] for each in yaml.safe_load((path / "kustomization.yaml").read_text())["components"]
    ]
    assert listed[-1] == "identity"
    for late in {"metrics", "https-egress"} & set(listed):  # they add to the policy, if there is one already
        assert "network-policy" not in listed[listed.index(late) :], f"{path.name}: list network-policy before {late}"
    assert not {"auth-token", "auth-jwt"} <= set(listed)


def test_everything_has_the_recommended_labels(resources):
    who = identity()
    template = only(resources, "Deployment")["spec"]["template"]
    for metadata in [*(each["metadata"] for each in resources), template["metadata"]]:
        labels = metadata["labels"]
        assert labels.keys() >= LABELS
        assert (labels["app"], labels["app.kubernetes.io/name"]) == (who["name"], who["name"])
        assert labels["app.kubernetes.io/version"] == who["tag"]


def test_every_selector_finds_the_pods(resources):
    deployment = only(resources, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        *(one["labelSelector"]["matchLabels"] for one in deployment["template"]["spec"]["topologySpreadConstraints"]),
        only(resources, "Service")["spec"]["selector"],
        *(one["spec"]["selector"]["matchLabels"] for one in named(resources, "PodDisruptionBudget").values()),
        *(one["spec"]["podSelector"]["matchLabels"] for one in named(resources, "NetworkPolicy").values()),
    ]
    for selector in selectors:
        assert selector == {"app": labels["app"]}  # which stays when the version changes: a selector cannot


def test_what_is_referred_to_exists(resources, pod):
    deployment = only(resources, "Deployment")["metadata"]["name"]
    service = only(resources, "Service")
    assert pod["serviceAccountName"] in named(resources, "ServiceAccount")
    assert {one["configMapRef"]["name"] for one in container(resources)["envFrom"]} <= set(
        named(resources, "ConfigMap")
    )
    for scaler in named(resources, "HorizontalPodAutoscaler").values():
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == ("Deployment", deployment)
    for ingress in named(resources, "Ingress").values():
        [rule] = ingress["spec"]["rules"]
        [path] = rule["http"]["paths"]
        assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": "http"}}
    for monitor in named(resources, "ServiceMonitor").values():
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {one["port"] for one in monitor["spec"]["endpoints"]} <= {
            one["name"] for one in service["spec"]["ports"]
        }


def test_one_secret_holds_all_that_is_secret(resources, pod):
    keys = set()
    for variable in environment(resources).values():
        if isinstance(variable, dict) and "secretKeyRef" in variable:
            assert variable["secretKeyRef"]["name"] == "mcp-secrets"
            keys.add(variable["secretKeyRef"]["key"])
    for volume in pod["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["secretName"] == "mcp-secrets"
            keys |= {item["key"] for item in volume["secret"]["items"]}
    assert keys <= SECRETS
    assert not named(resources, "Secret")


# Security


def test_the_namespace_enforces_the_restricted_profile(resources):
    labels = only(resources, "Namespace")["metadata"]["labels"]
    assert {key: value for key, value in labels.items() if key.startswith("pod-security")} == {
        f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
    }


def test_the_pod_fits_the_restricted_profile(resources, pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    main = container(resources)["securityContext"]
    assert main["allowPrivilegeEscalation"] is False
    assert main["capabilities"] == {"drop": ["ALL"]}
    assert not {"privileged", "procMount"} & main.keys()
    assert not any("hostPort" in port for port in container(resources)["ports"])
    assert all({"configMap", "emptyDir", "secret"} & volume.keys() for volume in pod["volumes"])


def test_the_user_is_the_images_by_number(pod):
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile.production").read_text(), re.MULTILINE)
    context = pod["securityContext"]
    assert user
    assert (context["runAsUser"], context["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert context["fsGroup"] == context["runAsGroup"]  # or the user could not read its Secrets


def test_no_api_token_is_mounted(resources, pod):
    assert pod["automountServiceAccountToken"] is False
    assert only(resources, "ServiceAccount")["automountServiceAccountToken"] is False


def test_no_service_writes_into_the_settings(pod):
    assert pod["enableServiceLinks"] is False


def test_only_tmp_can_be_written_to_and_not_without_end(resources, pod):
    main = container(resources)
    assert main["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {mount["mountPath"]: mount["name"] for mount in main["volumeMounts"] if not mount.get("readOnly")}
    assert writable.keys() == {"/tmp"}
    [volume] = [one for one in pod["volumes"] if one["name"] == writable["/tmp"]]
    assert volume["emptyDir"]["sizeLimit"]


def test_secrets_are_read_by_the_group_only(everything):
    [secret] = [
        one["secret"]
        for one in only(everything, "Deployment")["spec"]["template"]["spec"]["volumes"]
        if "secret" in one
    ]
    assert secret["defaultMode"] == 0o440


def test_a_network_policy_refuses_what_it_does_not_name(production):
    policy = only(production, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    http, metrics = policy["ingress"]
    chosen = {"matchLabels": {"mcp-access": "true"}}
    assert http["from"] == [{"namespaceSelector": chosen}, {"podSelector": chosen}]
    assert [port["port"] for port in http["ports"]] == ["http"]
    assert [port["port"] for port in metrics["ports"]] == ["metrics"]
    [dns] = policy["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert dns["to"][0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}


def test_https_egress_reaches_nothing_inside(tmp_path):
    policy = only(with_components(tmp_path, "network-policy", "https-egress"), "NetworkPolicy")["spec"]
    _, https = policy["egress"]
    assert [port["port"] for port in https["ports"]] == [443]
    private = {
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    }
    assert {network for peer in https["to"] for network in peer["ipBlock"]["except"]} == private


# Life of a pod


def test_ports_agree_with_the_settings(resources):
    ports = {port["name"]: port["containerPort"] for port in container(resources)["ports"]}
    variables = environment(resources)
    assert ports.pop("http") == Settings.model_fields["port"].default
    assert f"EXPOSE {Settings.model_fields['port'].default}\n" in (ROOT / "Dockerfile.production").read_text()
    assert list(map(str, ports.values())) == [variables[key] for key in ("MCP_METRICS_PORT",) if key in variables]


def test_the_service_leads_to_named_ports(resources):
    ports = {port["name"]: port for port in only(resources, "Service")["spec"]["ports"]}
    assert ports["http"]["port"] == 80
    assert {port["targetPort"] for port in ports.values()} == {one["name"] for one in container(resources)["ports"]}


def test_the_pod_starts_and_every_probe_is_answered(resources, tmp_path):
    """With the pod's own environment, as callers in the cluster and the kubelet ask."""
    who, variables = identity(), environment(resources)
    assert variables.pop("SERVICE") == {"fieldRef": {"fieldPath": "metadata.labels['app']"}}
    assert variables.pop("POD_NAMESPACE") == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    known = {"SERVICE": who["name"], "POD_NAMESPACE": who["namespace"]}
    if "MCP_AUTH" in variables:
        (tmp_path / "tokens").write_text("ann=0123456789abcdef0123456789abcdef")
        variables |= {"MCP_AUTH": "token", "MCP_AUTH_TOKENS_FILE": str(tmp_path / "tokens")}
    if "MCP_METRICS_PORT" in variables:
        variables["MCP_METRICS_PORT"] = "0"  # on this machine somebody else may have it
    settings: dict[str, Any] = {
        key: re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], value)
        for key, value in variables.items()
        if isinstance(value, str)  # the others come from the Secret
    }
    with serving(**settings) as server:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container(resources)[probe]["httpGet"]["path"]
            assert httpx2.get(server.base + path, headers={"host": "10.0.0.7:8000"}).status_code == 200
        for host in ("{name}", "{name}.{namespace}", "{name}.{namespace}.svc", "{name}.{namespace}.svc.cluster.local"):
            assert httpx2.get(server.url, headers={"host": host.format(**who)}).status_code != 421, host
        assert httpx2.get(server.url, headers={"host": "attacker.example"}).status_code == 421


def test_probes_name_their_port(resources):
    for probe, path in {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}.items():
        assert container(resources)[probe]["httpGet"] == {"path": path, "port": "http"}


def test_a_pod_may_take_longer_to_leave_than_the_server_does(resources, pod):
    variables = environment(resources)
    delay, drain = float(variables["MCP_DRAIN_DELAY"]), float(variables["MCP_DRAIN_SECONDS"])
    assert delay > 0
    assert delay + drain + 2 * CLEANUP_SECONDS < pod["terminationGracePeriodSeconds"]
    assert "lifecycle" not in container(resources)


def test_a_rollout_never_takes_a_pod_before_the_next_is_ready(resources):
    assert only(resources, "Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_changed_setting_replaces_the_pods(tmp_path):
    before = only(render(overlay(tmp_path / "before", [])), "Deployment")["spec"]["template"]
    after = render(overlay(tmp_path / "after", [], settings=["MCP_LOG_LEVEL=debug"]))
    assert only(after, "Deployment")["spec"]["template"] != before
    assert environment(after)["MCP_LOG_LEVEL"] == "debug"
    assert environment(after)["MCP_DRAIN_DELAY"] == "5"


def test_what_a_component_sets_is_changed_by_a_patch(tmp_path):
    before = render(overlay(tmp_path / "before", ["metrics"], settings=["MCP_METRICS_PORT=1"]))
    assert environment(before)["MCP_METRICS_PORT"] == "9090"
    change = json.dumps([{"op": "replace", "path": "/data/MCP_METRICS_PORT", "value": "9100"}])
    patches = [{"target": {"kind": "ConfigMap", "name": "server"}, "patch": change}]
    after = render(overlay(tmp_path / "after", ["metrics"], patches=patches))
    assert environment(after)["MCP_METRICS_PORT"] == "9100"
    assert container(after)["envFrom"] != container(before)["envFrom"]


def test_requests_and_limits_are_set(resources):
    found = container(resources)["resources"]
    assert found["requests"].keys() == found["limits"].keys() == {"cpu", "memory"}


def test_the_image_is_tried_out_with_the_memory_that_a_pod_has(resources):
    memory = container(resources)["resources"]["limits"]["memory"]
    assert memory == "256Mi"
    assert "--memory 256m" in (ROOT / "ship" / "image" / "image.mk").read_text()
    assert "mem_limit: 256m" in (ROOT / "compose.yaml").read_text()
    assert "--memory 256m" in " ".join(RESTRICTED)


def test_an_image_is_never_fetched_again_under_a_tag_that_is_there(resources):
    assert container(resources)["imagePullPolicy"] == "IfNotPresent"
    assert container(resources)["image"].rpartition(":")[2] not in ("latest", "")


# Components


def test_the_number_of_replicas_is_left_to_the_autoscaler(production):
    assert "replicas" not in only(production, "Deployment")["spec"]  # or every apply would set it back
    scaler = only(production, "HorizontalPodAutoscaler")["spec"]
    assert scaler["minReplicas"] >= 2
    assert scaler["maxReplicas"] > scaler["minReplicas"]


def test_a_disruption_takes_one_pod_at_a_time(production):
    assert only(production, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_production_asks_who_calls_and_shows_no_page(production):
    variables = environment(production)
    assert (variables["MCP_AUTH"], variables["MCP_PAGE"]) == ("token", "false")
    [mount] = [one for one in container(production)["volumeMounts"] if one["mountPath"] == "/run/secrets/mcp"]
    assert variables["MCP_AUTH_TOKENS_FILE"] == f"{mount['mountPath']}/tokens"


def test_the_key_of_a_tool_gets_in_as_the_production_overlay_says(tmp_path):
    lines = (K8S / "overlays" / "production" / "kustomization.yaml").read_text().splitlines()
    patches = "\n".join(line.removeprefix("# ") for line in lines[lines.index("# patches:") :])
    with_a_key = render(overlay(tmp_path / "with a key", [], patches=yaml.safe_load(patches)["patches"]))
    assert environment(with_a_key)["WEATHER_API_KEY"] == {
        "secretKeyRef": {"name": "mcp-secrets", "key": "weather-api-key"}
    }


def test_an_overlay_of_ones_own_is_a_copy(tmp_path, production):
    k8s = copy_with_identity(tmp_path)
    shutil.copytree(k8s / "overlays" / "production", k8s / "overlays" / "mine")
    assert render(k8s / "overlays" / "mine") == production


def test_a_private_registry_is_patched_into_the_service_account(tmp_path):
    add = json.dumps([{"op": "add", "path": "/imagePullSecrets", "value": [{"name": "mine"}]}])
    patches = [{"target": {"kind": "ServiceAccount", "name": "server"}, "patch": add}]
    account = only(render(overlay(tmp_path / "private", [], patches=patches)), "ServiceAccount")
    assert account["imagePullSecrets"] == [{"name": "mine"}]


def test_replicas_share_the_keys_of_the_request_state(production):
    assert environment(production)["MCP_REQUEST_STATE_KEYS"]["secretKeyRef"]["key"] == "request-state-keys"


def test_jwts_are_checked_against_what_the_secret_says(tmp_path):
    variables = environment(with_components(tmp_path, "auth-jwt"))
    assert variables["MCP_AUTH"] == "jwt"
    for setting in ("auth-key", "auth-issuer", "auth-audience"):
        assert variables[f"MCP_{setting.upper().replace('-', '_')}"]["secretKeyRef"]["key"] == setting


def test_minikube_shows_that_any_replica_answers():
    assert only(render(K8S / "overlays" / "minikube"), "Deployment")["spec"]["replicas"] == 2


def test_an_ingress_agrees_with_the_server(tmp_path):
    resources = with_components(tmp_path, "ingress")
    ingress = only(resources, "Ingress")
    [tls], [rule] = ingress["spec"]["tls"], ingress["spec"]["rules"]
    limits: dict[str, list[str]] = {}
    for key, value in ingress["metadata"]["annotations"].items():
        limits.setdefault(key.rpartition("/")[2], []).append(value)
    [body] = {int(each) for each in limits["client-max-body-size"] + limits["proxy-body-size"]}
    assert body == Settings.model_fields["max_body_bytes"].default
    assert [int(each.removesuffix("s")) for each in limits["proxy-read-timeout"]] == [3600, 3600]
    assert limits["proxy-buffering"] == ["off", "False"]
    assert environment(resources)["MCP_PUBLIC_URL"] == f"https://{rule['host']}"
    assert tls == {"hosts": [rule["host"]], "secretName": "mcp-tls"}


def test_a_gateway_sends_the_public_host_to_the_service_and_ends_no_stream(tmp_path):
    resources = with_components(tmp_path, "gateway")
    route, service = only(resources, "HTTPRoute")["spec"], only(resources, "Service")
    [rule] = route["rules"]
    assert rule["backendRefs"] == [{"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}]
    assert rule["timeouts"] == {"request": "0s"}
    [host] = route["hostnames"]
    assert environment(resources)["MCP_PUBLIC_URL"] == f"https://{host}"
