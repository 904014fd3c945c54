"""Seeded mistakes: each policy and validator must complain about them. A policy without one is itself a failure."""

import copy

from . import policies, validators
from .rendering import component, merged

MISTAKES = []


def mistake(check, rendering, values=None):
    """Registers a change of the documents of a rendering (profile, variation), or of its values, that `check` must find."""
    def register(change):
        MISTAKES.append((check, rendering, change, values or {}))
        return change
    return register


def one(documents, kind, part=None):
    return next(found for found in documents if found["kind"] == kind and part in (None, component(found)))


def container(documents, kind, part):
    return one(documents, kind, part)["spec"]["template"]["spec"]["containers"][0]


def given(documents, part):
    """The secrets that a Deployment's pods mount, one entry for each group."""
    volumes = one(documents, "Deployment", part)["spec"]["template"]["spec"]["volumes"]
    return next(volume for volume in volumes if volume["name"] == "secrets")["projected"]["sources"]


PLAIN, MONITORED, GATEWAY, FIXED = "default, plain", "default, monitoring", "default, gateway", "default, fixed"


@mistake("restricted", PLAIN)
def a_container_that_writes_its_root(documents):
    container(documents, "Deployment", "edge")["securityContext"]["readOnlyRootFilesystem"] = False


@mistake("restricted", PLAIN)
def an_init_container_with_capabilities(documents):
    init = one(documents, "StatefulSet", "nats")["spec"]["template"]["spec"]["initContainers"][0]
    init["securityContext"]["capabilities"]["add"] = ["NET_ADMIN"]


@mistake("restricted", PLAIN)
def a_pod_as_root(documents):
    one(documents, "Job", "setup")["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 0


@mistake("no_account_token", PLAIN)
def a_token_in_the_smoke_test(documents):
    del one(documents, "Pod", "smoke")["spec"]["automountServiceAccountToken"]


@mistake("no_account_token", PLAIN)
def a_hook_with_an_account(documents):
    one(documents, "Job", "setup")["spec"]["template"]["spec"]["serviceAccountName"] = "migrator"


@mistake("bounded", PLAIN)
def memory_without_limit(documents):
    del container(documents, "StatefulSet", "nats")["resources"]["limits"]["memory"]


@mistake("bounded", PLAIN)
def a_job_without_deadline(documents):
    del one(documents, "Job", "setup")["spec"]["activeDeadlineSeconds"]


@mistake("probed", PLAIN)
def no_liveness(documents):
    del container(documents, "StatefulSet", "postgresql")["livenessProbe"]


@mistake("probed", PLAIN)
def readiness_that_only_lives(documents):
    container(documents, "Deployment", "edge")["readinessProbe"]["httpGet"]["path"] = "/livez"


@mistake("stops_in_good_order", PLAIN)
def a_worker_that_is_killed_early(documents):
    one(documents, "Deployment", "stock-worker")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 25


@mistake("stops_in_good_order", PLAIN)
def an_edge_that_does_not_wait(documents):
    del container(documents, "Deployment", "edge")["lifecycle"]


@mistake("stops_in_good_order", PLAIN)
def a_single_server_that_waits(documents):
    container(documents, "StatefulSet", "nats")["lifecycle"] = {"preStop": {"sleep": {"seconds": 30}}}


@mistake("stops_in_good_order", PLAIN)
def a_rollout_with_a_gap(documents):
    one(documents, "Deployment", "edge")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = 1


@mistake("spread", PLAIN)
def all_in_one_zone(documents):
    del one(documents, "Deployment", "edge")["spec"]["template"]["spec"]["topologySpreadConstraints"][0]


@mistake("images", PLAIN)
def the_latest(documents):
    container(documents, "StatefulSet", "nats")["image"] = "docker.io/library/nats:latest"


@mistake("images", "default, digests")
def a_tag_though_the_digest_is_given(documents):
    container(documents, "Deployment", "edge")["image"] = "ghcr.io/tillstream/edge:0.1.0"


@mistake("configured", PLAIN)
def no_checksum(documents):
    del one(documents, "Deployment", "sales-worker")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]


@mistake("configured", PLAIN)
def a_setting_that_nothing_reads(documents):
    one(documents, "ConfigMap", "edge")["data"]["settings.toml"] += "\n[http2]\nmax_body_bytes = 1\n"


@mistake("configured", PLAIN)
def a_limit_that_nothing_reads(documents):
    one(documents, "ConfigMap", "setup")["data"]["limits.toml"] += "\nmax_age_ms = 1\n"


@mistake("one_scaler", PLAIN)
def replicas_beside_the_autoscaler(documents):
    one(documents, "Deployment", "sales-worker")["spec"]["replicas"] = 2


@mistake("one_scaler", PLAIN)
def both_autoscalers(documents):
    second = copy.deepcopy(one(documents, "HorizontalPodAutoscaler"))
    second["spec"]["scaleTargetRef"]["name"] = one(documents, "Deployment", "stock-worker")["metadata"]["name"]
    documents.append(second)


@mistake("one_scaler", FIXED)
def no_number_at_all(documents):
    del one(documents, "Deployment", "edge")["spec"]["replicas"]


@mistake("lag", PLAIN)
def a_consumer_that_does_not_exist(documents):
    one(documents, "ScaledObject", "sales-worker")["spec"]["triggers"][0]["metadata"]["consumer"] = "sale"


@mistake("lag", "default, partitions")
def a_partition_forgotten(documents):
    one(documents, "ScaledObject", "stock-worker")["spec"]["triggers"].pop()


@mistake("lag", PLAIN)
def the_wrong_account(documents):
    one(documents, "ScaledObject", "sales-worker")["spec"]["triggers"][0]["metadata"]["account"] = "SYS"


@mistake("scaling_is_calm", PLAIN)
def down_to_nothing(documents):
    one(documents, "ScaledObject")["spec"]["minReplicaCount"] = 0


@mistake("scaling_is_calm", PLAIN)
def a_fallback_that_takes_away(documents):
    del one(documents, "ScaledObject")["spec"]["fallback"]["behavior"]


@mistake("budgets", PLAIN)
def no_budget(documents):
    documents.remove(one(documents, "PodDisruptionBudget", "nats"))


@mistake("budgets", PLAIN)
def a_budget_that_stops_drains(documents):
    one(documents, "PodDisruptionBudget", "edge")["spec"] |= {"maxUnavailable": 0}


@mistake("covered", PLAIN)
def nothing_denied(documents):
    documents.remove(next(found for found in documents if found["metadata"]["name"].endswith("-deny")))


@mistake("covered", PLAIN)
def a_part_forgotten(documents):
    documents.remove(next(found for found in documents
                          if found["kind"] == "NetworkPolicy" and found["metadata"]["name"].endswith("-postgresql")))


@mistake("nothing_open", PLAIN)
def everybody_may_scrape(documents):
    policy = next(found for found in documents if found["kind"] == "NetworkPolicy" and "ingress" in found["spec"])
    policy["spec"]["ingress"][0]["from"] = []


@mistake("nothing_open", PLAIN)
def every_namespace(documents):
    policy = next(found for found in documents if found["kind"] == "NetworkPolicy" and "ingress" in found["spec"])
    policy["spec"]["ingress"][0]["from"].append({"namespaceSelector": {}})


@mistake("ways", PLAIN)
def the_edge_cannot_reach_nats(documents):
    policy = next(found for found in documents if found["kind"] == "NetworkPolicy" and found["metadata"]["name"].endswith("-edge"))
    policy["spec"]["egress"].pop(0)


@mistake("ways", PLAIN)
def the_operator_is_forgotten(documents):
    documents.remove(next(found for found in documents
                          if found["kind"] == "NetworkPolicy" and found["metadata"]["name"].endswith("-operator")))


@mistake("ways", PLAIN)
def the_smoke_test_reaches_the_database(documents):
    policy = next(found for found in documents if found["kind"] == "NetworkPolicy" and found["metadata"]["name"].endswith("-smoke"))
    database = one(documents, "StatefulSet", "postgresql")["spec"]["selector"]
    policy["spec"]["egress"].append({"to": [{"podSelector": database}], "ports": [{"protocol": "TCP", "port": 5432}]})
    target = next(found for found in documents
                  if found["kind"] == "NetworkPolicy" and found["metadata"]["name"].endswith("-postgresql"))
    target["spec"]["ingress"][0]["from"].append({"podSelector": one(documents, "Pod", "smoke") and {
        "matchLabels": {"app.kubernetes.io/component": "smoke"}}})


@mistake("only_public_is_routed", GATEWAY)
def metrics_in_public(documents):
    route = next(found for found in documents if found["kind"] == "HTTPRoute" and "matches" in found["spec"]["rules"][0])
    route["spec"]["rules"][0]["matches"].append({"path": {"type": "PathPrefix", "value": "/metrics"}})


@mistake("only_public_is_routed", "default, ingress")
def everything_in_public(documents):
    one(documents, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["path"] = "/"


@mistake("only_public_is_routed", "default, load balancer")
def the_admin_port_outside(documents):
    service = next(found for found in documents if found["kind"] == "Service" and found["spec"].get("type") == "LoadBalancer")
    service["spec"]["ports"].append({"name": "admin", "port": 9100, "targetPort": "admin"})


@mistake("gke_asks_for_health", GATEWAY)
def health_of_the_root(documents):
    one(documents, "HealthCheckPolicy")["spec"]["default"]["config"]["httpHealthCheck"]["requestPath"] = "/"


@mistake("gke_asks_for_health", "gke, plain", {"edge": {"preStopSeconds": 5}})
def a_pod_that_leaves_too_early(_):
    pass


@mistake("gke_asks_for_health", GATEWAY)
def no_health_check(documents):
    documents.remove(one(documents, "HealthCheckPolicy"))


@mistake("references", PLAIN)
def a_secret_that_is_not_there(documents):
    documents.remove(next(found for found in documents if found["kind"] == "Secret" and "nats-edge" in found["data"]))


@mistake("references", "default, external secrets")
def a_key_that_is_not_fetched(documents):
    one(documents, "ExternalSecret")["spec"]["data"].pop(0)


@mistake("references", "default, nats cluster")
def routes_without_password(documents):
    del next(found for found in documents if found["kind"] == "Secret" and "nats-edge" in found["data"])["data"]["nats-routes"]


@mistake("references", PLAIN)
def a_mount_without_volume(documents):
    one(documents, "Deployment", "edge")["spec"]["template"]["spec"]["volumes"].pop(0)


@mistake("least_secrets", PLAIN)
def the_edge_as_operator(documents):
    given(documents, "edge")[0]["secret"]["items"].append({"key": "nats-operator", "path": "nats-operator"})


@mistake("least_secrets", PLAIN)
def the_edge_as_server(documents):
    container(documents, "Deployment", "edge")["env"] = [
        {"name": "ROUTES", "valueFrom": {"secretKeyRef": {"name": "tillstream-nats-secrets", "key": "nats-routes"}}}]


@mistake("least_secrets", PLAIN)
def the_edge_with_the_key_of_receipts(documents):
    given(documents, "edge")[-1]["secret"]["items"].append({"key": "receipts.ed25519", "path": "receipts.ed25519"})


@mistake("least_secrets", PLAIN)
def a_worker_with_the_pepper(documents):
    given(documents, "identity-worker")[0]["secret"]["items"].append({"key": "pins.pepper", "path": "pins.pepper"})


@mistake("told_of_secrets", PLAIN)
def an_edge_without_its_key(documents):
    settings = one(documents, "ConfigMap", "edge")["data"]
    settings["settings.toml"] = settings["settings.toml"].replace("key_file", "remember = 1 #")


@mistake("told_of_secrets", PLAIN)
def an_edge_without_the_pepper(documents):
    settings = one(documents, "ConfigMap", "edge")["data"]
    settings["settings.toml"] = settings["settings.toml"].replace("pepper_file", "salt_file")


@mistake("told_of_secrets", PLAIN)
def a_key_that_is_not_mounted(documents):
    given(documents, "receipts-worker").pop()


@mistake("generated_secrets", PLAIN)
def a_short_key(documents):
    secret = one(documents, "Secret")
    secret["data"][next(iter(secret["data"]))] = "YWI="


@mistake("generated_secrets", PLAIN)
def a_secret_that_goes(documents):
    del one(documents, "Secret")["metadata"]["annotations"]


@mistake("services_lead_somewhere", PLAIN)
def a_service_for_nobody(documents):
    one(documents, "Service", "nats")["spec"]["selector"]["app.kubernetes.io/component"] = "broker"


@mistake("services_lead_somewhere", GATEWAY)
def a_route_to_a_closed_port(documents):
    route = next(found for found in documents if found["kind"] == "HTTPRoute" and "matches" in found["spec"]["rules"][0])
    route["spec"]["rules"][0]["backendRefs"][0]["port"] = 9100


@mistake("monitors", MONITORED)
def a_monitor_that_prometheus_does_not_find(documents):
    del one(documents, "ServiceMonitor", "edge")["metadata"]["labels"]["release"]


@mistake("monitors", MONITORED)
def a_part_that_is_not_scraped(documents):
    documents.remove(one(documents, "ServiceMonitor", "stock-worker"))


@mistake("rules_of_what_is_scraped", "default, rules without exporters")
def a_rule_on_what_nobody_scrapes(documents):
    documents.append(copy.deepcopy(one(documents, "PrometheusRule")))
    documents[-1]["metadata"]["name"] = "tillstream-broker"


@mistake("somebody_is_told", MONITORED)
def addresses_that_are_elsewhere(documents):
    told = next(found for found in documents if found["metadata"]["name"].endswith("-alertmanager"))
    told["stringData"]["alertmanager.yaml"] = told["stringData"]["alertmanager.yaml"].replace("tillstream-receivers/", "")


@mistake("somebody_is_told", MONITORED)
def nobody_is_told(documents):
    documents.remove(next(found for found in documents if found["metadata"]["name"].endswith("-alertmanager")))


@mistake("setup_needs_nothing_new", PLAIN)
def a_hook_before_the_first_install(documents):
    one(documents, "Job", "setup")["metadata"]["annotations"] = {"helm.sh/hook": "pre-install,pre-upgrade"}


@mistake("setup_needs_nothing_new", "production, upgrade with servers outside")
def limits_that_come_too_late(documents):
    del one(documents, "ConfigMap", "setup")["metadata"]["annotations"]


@mistake("unique", PLAIN)
def the_same_twice(documents):
    documents.append(copy.deepcopy(one(documents, "Service")))


@mistake("logging_is_contained", "default, logging")
def kibana_as_root(documents):
    one(documents, "Kibana")["spec"]["podTemplate"]["spec"]["securityContext"].pop("runAsNonRoot")


@mistake("logging_is_contained", "default, logging elsewhere")
def a_filebeat_that_sends_elsewhere(documents):
    container = one(documents, "Beat")["spec"]["daemonSet"]["podTemplate"]["spec"]["containers"][0]
    next(entry for entry in container["env"] if entry["name"] == "LOGSTASH_HOST")["value"] = "logstash:5044"


@mistake("logging_is_contained", "default, logging")
def a_filebeat_that_reads_secrets(documents):
    one(documents, "ClusterRole")["rules"][0]["resources"].append("secrets")


@mistake("logging_is_contained", "default, logging elsewhere")
def logging_without_policies(documents):
    for found in [found for found in documents if found["metadata"].get("namespace") == "logs" and found["kind"] == "NetworkPolicy"]:
        documents.remove(found)


@mistake("scripts_parse", "default, logging")
def a_script_that_does_not_end(documents):
    next(found for found in documents if "setup.sh" in found.get("data", {}))["data"]["setup.sh"] += "\nif true; then\n"


@mistake("kubernetes", PLAIN)
def a_field_that_kubernetes_does_not_know(documents):
    container(documents, "Deployment", "edge")["readynessProbe"] = {}


@mistake("kubernetes", PLAIN)
def a_number_as_text(documents):
    one(documents, "Service", "edge")["spec"]["ports"][0]["port"] = "eighty"


@mistake("custom_resources", PLAIN)
def a_field_that_keda_does_not_know(documents):
    one(documents, "ScaledObject")["spec"]["minReplicas"] = 1


@mistake("custom_resources", PLAIN)
def a_fallback_that_keda_does_not_know(documents):
    one(documents, "ScaledObject")["spec"]["fallback"]["behavior"] = "more"


@mistake("custom_resources", MONITORED)
def a_field_that_the_operator_does_not_know(documents):
    one(documents, "ServiceMonitor")["spec"]["endpoints"][0]["scrape_interval"] = "1s"


@mistake("custom_resources", MONITORED)
def a_rule_without_expression(documents):
    del one(documents, "PrometheusRule")["spec"]["groups"][0]["rules"][0]["expr"]


@mistake("monitors", MONITORED)
def a_rule_that_prometheus_does_not_find(documents):
    del one(documents, "PrometheusRule")["metadata"]["labels"]["release"]


@mistake("monitors", MONITORED)
def a_dashboard_that_grafana_does_not_find(documents):
    del next(found for found in documents if "-dashboard-" in found["metadata"]["name"])["metadata"]["labels"]["board"]


def run(renderings):
    """Yields what was not found. `renderings` has the sound ones by name."""
    checks = {**policies.POLICIES, "kubernetes": validators.kubernetes, "custom_resources": validators.custom_resources}
    for check, rendering, change, values in MISTAKES:
        sound = renderings[rendering]
        documents = copy.deepcopy(sound.documents)
        try:
            change(documents)
        except StopIteration:
            yield f"the mistake `{change.__name__}` finds nothing to spoil in {rendering}"
            continue
        if not list(checks[check](sound.altered(documents, merged(sound.values, values)))):
            yield f"the mistake `{change.__name__}` is not found by {check}"
    for check in checks.keys() - {check for check, *_ in MISTAKES}:
        yield f"nothing shows that {check} can fail"
