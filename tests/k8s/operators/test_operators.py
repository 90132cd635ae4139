import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from serving.stop import CLEANUP_SECONDS
from tests.k8s.kustomize import (
    K8S,
    container,
    copy_with_identity,
    environment,
    identity,
    named,
    names_left,
    needs_kubectl,
    only,
    render,
)
from tests.support import ROOT

pytestmark = needs_kubectl

OPERATORS = ("sig", "mcp-operator", "kmcp", "toolhive")
SCHEMAS = Path(os.environ.get("SCHEMAS_DIR") or ROOT.parent / "shared" / "schemas")
DEFAULT_GRACE = 30
"""Kubernetes' own, where an operator sets none."""


def mcp_server(operator, k8s=K8S):
    [found] = named(render(k8s / "operators" / operator), "MCPServer").values()
    return found


def sig(spec):
    config, runtime = spec["config"], spec["runtime"]
    [tmp] = config["storage"]
    return {
        "image": spec["source"]["containerImage"]["ref"],
        "replicas": runtime["replicas"],
        "ports": {config["port"]},
        "path": config["path"],
        "env": by_name(config["env"]),
        "probes": runtime["health"],
        "resources": runtime["resources"],
        "security": runtime["security"]["podSecurityContext"] | runtime["security"]["securityContext"],
        "account": runtime["security"]["serviceAccountName"],
        "tmp": (tmp["path"], tmp["source"]["emptyDir"]) if tmp["permissions"] == "ReadWrite" else None,
    }


def mcp_operator(spec):
    pod, http, health = spec["podTemplate"], spec["transport"]["config"]["http"], spec["healthCheck"]
    probe = {"httpGet": {"path": health["path"], "port": health["port"]}}
    return {
        "image": spec["image"],
        "replicas": spec["replicas"],
        "ports": {http["port"], *spec["service"].values()},
        "path": http["path"],
        "env": by_name(spec["environment"]),
        "probes": {"livenessProbe": probe} if health["enabled"] else {},
        "resources": spec["resources"],
        "security": spec["security"],
        "account": pod["serviceAccountName"],
        "tmp": mounted(pod["volumes"], pod["volumeMounts"]),
    }


def kmcp(spec):
    pod, http = spec["deployment"], spec["httpTransport"]
    [hosts] = pod["args"]
    return {
        "image": pod["image"],
        "replicas": pod["replicas"],
        "ports": {pod["port"], http["targetPort"]},
        "path": http["path"],
        "env": pod["env"] | {"MCP_ALLOWED_HOSTS": hosts.removeprefix("--allowed-hosts=")},
        "probes": {},
        "resources": pod["resources"],
        "security": pod["podSecurityContext"] | pod["securityContext"],
        "account": pod["serviceAccountName"],
        "tmp": mounted(pod["volumes"], pod["volumeMounts"]),
    }


def toolhive(spec):
    return {
        **pod_view(spec["podTemplateSpec"]["spec"], "mcp"),
        "image": spec["image"],
        "replicas": spec["backendReplicas"],
        "ports": {spec["mcpPort"]},
    }


def pod_view(pod, container):
    [main] = [each for each in pod["containers"] if each["name"] == container]
    return {
        "env": by_name(main["env"]),
        "probes": {key: value for key, value in main.items() if key.endswith("Probe")},
        "resources": main["resources"],
        "security": pod["securityContext"] | main["securityContext"],
        "grace": pod["terminationGracePeriodSeconds"],
        "token": pod["automountServiceAccountToken"],
        "links": pod["enableServiceLinks"],
        "tmp": mounted(pod["volumes"], main["volumeMounts"]),
    }


def by_name(variables):
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in variables}


def mounted(volumes, mounts):
    directories = {each["name"]: each["emptyDir"] for each in volumes if "emptyDir" in each}
    [tmp] = [each for each in mounts if each["mountPath"] == "/tmp"]
    return tmp["mountPath"], directories[tmp["name"]]


VIEWS = dict(zip(OPERATORS, (sig, mcp_operator, kmcp, toolhive), strict=True))


@pytest.fixture(params=OPERATORS)
def operator(request):
    return request.param


@pytest.fixture
def view(operator):
    return VIEWS[operator](mcp_server(operator)["spec"])


@pytest.fixture
def base():
    resources = render(K8S / "overlays" / "minikube")
    pod = only(resources, "Deployment")["spec"]["template"]["spec"]
    main = container(resources)
    return {
        **pod_view(pod, main["name"]),
        "env": environment(resources),
        "ports": {each["name"]: each["containerPort"] for each in main["ports"]},
    }


def strict(schema):
    """Return a CRD's schema as a JSON schema that, unlike the API, refuses what it would silently drop."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items() if key not in ("properties", "default", "enum")}
    made |= {key: schema[key] for key in ("default", "enum") if key in schema}
    if "properties" in schema:
        made["properties"] = {name: strict(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if schema.get("nullable"):
        made["type"] = [schema["type"], "null"]
    return made


def check(resource):
    group, _, version = resource["apiVersion"].partition("/")
    file = SCHEMAS / f"{group}_mcpservers.yaml"
    if not file.exists():
        pytest.skip(f"{file} is not there: set SCHEMAS_DIR to a folder with the operators' CRDs")
    versions = {each["name"]: each for each in yaml.safe_load(file.read_text())["spec"]["versions"]}
    assert versions[version]["served"]
    schema = strict(versions[version]["schema"]["openAPIV3Schema"])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(resource)


def test_the_operators_crd_takes_it(operator):
    check(mcp_server(operator))


def test_the_check_refuses_an_unknown_field(operator):
    closed = [key for key, value in mcp_server(operator)["spec"].items() if isinstance(value, dict)]
    for key in {*closed, None} - {"podTemplateSpec"}:  # that one is free-form
        resource = mcp_server(operator)
        (resource["spec"][key] if key else resource["spec"])["imaginary"] = 1
        with pytest.raises(jsonschema.ValidationError, match="imaginary"):
            check(resource)


def test_the_check_refuses_a_wrong_type(operator):
    resource = mcp_server(operator)
    key = next(key for key, value in resource["spec"].items() if isinstance(value, str | dict))
    resource["spec"][key] = 1.5
    with pytest.raises(jsonschema.ValidationError, match=r"1\.5"):
        check(resource)


def is_reference(image):
    """What the SIG operator's CRD asks of an image in CEL: a registry, a path, and a tag or a digest."""
    registry = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:[0-9]+)?"
    path = r"(/[a-z0-9]+((\.|_|__|-*)[a-z0-9]+)*)+"
    end = r"(:\w[\w.-]{0,126}|@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})"
    return bool(re.fullmatch(registry + path + end, image))


def test_the_sig_operator_gets_a_registry():
    assert is_reference(sig(mcp_server("sig")["spec"])["image"])
    for wrong in ("server:0.1.0", "ghcr.io/me/server", "ghcr.io/me/Server:1", "/me/server:1", "a/b@sha256:12"):
        assert not is_reference(wrong)
    assert is_reference("localhost:5000/server:1")
    assert is_reference("a/b@sha256:" + 32 * "0")


def test_the_image_is_the_identitys(operator, view):
    who = identity()
    prefix = "docker.io/library/" if operator == "sig" and "/" not in who["image"] else ""
    assert view["image"] == f"{prefix}{who['image']}:{who['tag']}", (
        "see the end of k8s/operators/sig/kustomization.yaml"
    )


def test_another_identity_leaves_no_old_name(operator, tmp_path):
    new = {"name": "another-name", "namespace": "another-place", "image": "other", "tag": "7.8.9"}
    resources = render(copy_with_identity(tmp_path, **new) / "operators" / operator)
    assert not names_left(resources)
    assert set(named(resources, "Namespace")) == {"another-place"}
    [(name, found)] = named(resources, "MCPServer").items()
    assert (name, found["metadata"]["namespace"]) == ("another-name", "another-place")
    assert VIEWS[operator](found["spec"])["image"].removeprefix("docker.io/library/") == "other:7.8.9"


def test_an_image_may_have_a_registry_with_a_port(operator, tmp_path):
    k8s = copy_with_identity(tmp_path, image="localhost:5000/me/rain", tag="7.8.9")
    file = k8s / "operators" / "sig" / "kustomization.yaml"
    file.write_text(file.read_text().partition("# The CRD refuses")[0])
    resource = mcp_server(operator, k8s)
    assert VIEWS[operator](resource["spec"])["image"] == "localhost:5000/me/rain:7.8.9"
    if operator == "mcp-operator":
        with pytest.raises(jsonschema.ValidationError, match="localhost:5000"):
            check(resource)
    else:
        check(resource)


def test_everything_is_in_the_restricted_namespace(operator):
    resources = render(K8S / "operators" / operator)
    [(name, namespace)] = named(resources, "Namespace").items()
    levels = {
        key.rpartition("/")[2]: value for key, value in namespace["metadata"]["labels"].items() if "pod-security" in key
    }
    assert levels == dict.fromkeys(("enforce", "audit", "warn"), "restricted")
    others = [each for each in resources if each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in others} == {name}


def test_the_namespace_is_the_bases():
    ours, theirs = (
        yaml.safe_load((K8S / folder / "namespace.yaml").read_text()) for folder in ("operators/common", "base")
    )
    assert ours == theirs


def test_no_pod_gets_an_api_token(operator, view):
    if operator == "toolhive":
        assert (view["token"], view["links"]) == (False, False)
    else:
        account = named(render(K8S / "operators" / operator), "ServiceAccount")[view["account"]]
        assert account["automountServiceAccountToken"] is False


def test_ports_and_path_agree(view, base):
    assert view["ports"] == {base["ports"]["http"]}
    assert view.get("path", "/mcp") == "/mcp"


def test_there_are_two_replicas(view):
    assert view["replicas"] == 2


def test_the_probes_are_the_bases(operator, view, base):
    ports = {"sig": "mcp", "mcp-operator": "http", "toolhive": base["ports"]["http"]}
    for name, probe in view["probes"].items():
        ours = base["probes"][name]
        assert probe["httpGet"] == {"path": ours["httpGet"]["path"], "port": ports[operator]}, name
        if operator != "mcp-operator":  # has its own figures
            assert {**probe, "httpGet": 0} == {**ours, "httpGet": 0}, name
    missing = set(base["probes"]) - set(view["probes"])
    assert (
        missing
        == {
            "sig": {"startupProbe"},
            "mcp-operator": {"startupProbe", "readinessProbe"},
            "kmcp": {"startupProbe", "livenessProbe", "readinessProbe"},
            "toolhive": set(),
        }[operator]
    )


def test_the_environment_is_the_bases(view, base):
    ours, theirs = (
        {key: value for key, value in each["env"].items() if key.startswith("MCP_") and key not in differing}
        for each in (view, base)
        for differing in [("MCP_ALLOWED_HOSTS", "MCP_DRAIN_SECONDS", "MCP_PORT")]
    )
    assert ours == theirs
    if "grace" in view:
        assert view["env"]["MCP_DRAIN_SECONDS"] == base["env"]["MCP_DRAIN_SECONDS"]


def test_the_names_that_the_operators_service_has_are_allowed(operator, view):
    who = identity()
    known = {"SERVICE": view["env"]["SERVICE"], "POD_NAMESPACE": who["namespace"]}
    given = view["env"].get("POD_NAMESPACE", who["namespace"])
    assert given in (who["namespace"], {"fieldRef": {"fieldPath": "metadata.namespace"}})
    hosts = re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], view["env"]["MCP_ALLOWED_HOSTS"]).split(",")
    name, namespace = who["name"], who["namespace"]
    if operator == "toolhive":
        assert hosts == [f"mcp-{name}", f"mcp-{name}-headless"]
    else:
        ends = ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local")
        assert hosts == [name + end for end in ends]


def test_a_variable_is_made_of_those_before_it(operator, view):
    if operator == "kmcp":
        return  # an argument may name any
    names = list(view["env"])
    used = re.findall(r"\$\((\w+)\)", view["env"]["MCP_ALLOWED_HOSTS"])
    assert set(used) <= set(names[: names.index("MCP_ALLOWED_HOSTS")])


def test_no_service_writes_into_the_settings(view, base):
    assert view.get("links") is False or view["env"]["MCP_PORT"] == str(base["ports"]["http"])


def test_a_stop_fits_into_the_grace_period(view):
    seconds = sum(float(view["env"][key]) for key in ("MCP_DRAIN_DELAY", "MCP_DRAIN_SECONDS"))
    assert seconds + 2 * CLEANUP_SECONDS < view.get("grace", DEFAULT_GRACE)


def test_it_is_as_hardened_as_the_base(operator, view, base):
    expected = dict(base["security"])
    if operator == "mcp-operator":  # what its CRD has no field for, it sets by itself
        assert expected.pop("seccompProfile") == {"type": "RuntimeDefault"}
        assert expected.pop("capabilities") == {"drop": ["ALL"]}
    assert view["security"] == expected


def test_resources_and_tmp_are_the_bases(view, base):
    assert view["resources"] == base["resources"]
    assert view["tmp"] == base["tmp"]
