"""The network: nobody is forgotten, nothing is open by mistake, and only what is public is routed."""

from .policies import policy
from .rendering import component, title

PUBLIC = {("PathPrefix", "/v1"), ("PathPrefix", "/docs"), ("Exact", "/openapi.json")}


def selects(selector, labels):
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for rule in selector.get("matchExpressions", []):
        if rule["operator"] != "In" or labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


@policy
def covered(release):
    """Every pod is denied everything, and allowed what it needs, by policies that select something."""
    policies = release.of("NetworkPolicy")
    if not release.values["networkPolicies"]["enabled"]:
        if policies:
            yield "there are network policies, though they are switched off"
        return
    for owner, labels, _ in release.pods():
        on = [found for found in policies if selects(found["spec"]["podSelector"], labels)
              and found["metadata"].get("namespace", "shop") == owner["metadata"].get("namespace", "shop")]
        if not any(set(found["spec"]["policyTypes"]) == {"Ingress", "Egress"} and "ingress" not in found["spec"] for found in on):
            yield f"{title(owner)} is not denied what is not allowed"
        if len(on) < 2 and component(owner) != "logging-setup":
            yield f"{title(owner)} has no policy of its own"
    pods = [labels for _, labels, _ in release.pods()]
    for found in policies:
        smoke = found["metadata"]["name"].endswith("-smoke")
        logging = component(found) == "logging"
        if not smoke and not logging and not any(selects(found["spec"]["podSelector"], labels) for labels in pods):
            yield f"{title(found)} selects no pod"


@policy
def nothing_open(release):
    """No rule lets everybody in or out; every rule names ports, and every peer is somebody."""
    for found in release.of("NetworkPolicy"):
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in found["spec"].get(direction, []):
                if not rule.get(side) or not rule.get("ports"):
                    yield f"{title(found)}: a rule of {direction} is for everybody or for every port"
                for peer in rule.get(side) or []:
                    if peer.get("podSelector") == {} or peer.get("namespaceSelector") == {}:
                        yield f"{title(found)}: a peer of {direction} is everybody"
                    if peer.get("ipBlock", {}).get("cidr") in ("0.0.0.0/0", "::/0"):
                        yield f"{title(found)}: a peer of {direction} is the whole internet"


def allowed(release, source, target, port):
    """Whether pods of one component may connect to a port of another, by both sides' policies."""
    labels = {component(owner): labels for owner, labels, _ in release.pods()}
    if source not in labels or target not in labels:
        return True
    result = []
    for direction, side, subject, peer in (("egress", "to", source, target), ("ingress", "from", target, source)):
        result.append(any(
            any(entry["port"] == port for entry in rule["ports"])
            and any("podSelector" in other and "namespaceSelector" not in other and selects(other["podSelector"], labels[peer])
                    for other in rule[side])
            for found in release.of("NetworkPolicy") if selects(found["spec"]["podSelector"], labels[subject])
            for rule in found["spec"].get(direction, [])))
    return all(result)


@policy
def ways(release):
    """Who needs whom reaches them, and nobody else does."""
    if not release.values["networkPolicies"]["enabled"]:
        return
    clients = {"edge", "sales-worker", "stock-worker", "receipts-worker", "identity-worker", "setup", "operator"}
    wanted = {(source, "nats", 4222) for source in clients} | {(source, "postgresql", 5432) for source in clients}
    wanted |= {("smoke", "edge", 8080), ("postgresql-exporter", "postgresql", 5432), ("nats", "nats", 6222)}
    components = {component(owner) for owner, _, _ in release.pods()}
    for source in components:
        for target, port in (("nats", 4222), ("nats", 6222), ("nats", 8222), ("postgresql", 5432), ("edge", 8080), ("edge", 9100)):
            if not {source, target} <= components or (source, target, port) == ("web", "edge", 8080):
                continue
            may = allowed(release, source, target, port)
            if may != ((source, target, port) in wanted):
                yield f"{source} {'may' if may else 'may not'} reach {target} on {port}"


@policy
def only_public_is_routed(release):
    edge = [found["metadata"]["name"] for found in release.of("Deployment") if component(found) == "edge"]
    for route in release.of("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule.get("backendRefs", []):
                paths = {(match["path"]["type"], match["path"]["value"]) for match in rule["matches"]}
                expected = PUBLIC if backend["name"] in edge else {("PathPrefix", "/")}
                if paths != expected:
                    yield f"{title(route)} routes {sorted(paths)} to {backend['name']}"
    for ingress in release.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            paths = {(path["pathType"].replace("Prefix", "PathPrefix"), path["path"]) for path in rule["http"]["paths"]
                     if path["backend"]["service"]["name"] in edge}
            if paths != PUBLIC:
                yield f"{title(ingress)} routes {sorted(paths)} to the edge"
    for service in release.of("Service"):
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            if component(service) != "edge" or [port["targetPort"] for port in service["spec"]["ports"]] != ["http"]:
                yield f"{title(service)} shows more than the API to the outside"


@policy
def gke_asks_for_health(release):
    """The load balancer asks /readyz of the admin port, and may."""
    checks = [found for found in release.of("HealthCheckPolicy") if component(found) == "edge"]
    if release.values["route"]["gke"]["enabled"] and not checks:
        yield "GKE would ask / of the public port, which is not found"
    sleep = release.values["edge"]["preStopSeconds"]
    if checks and sleep < 30:
        yield f"the edge waits {sleep} s before it stops, and Google's balancer takes up to 30 s to send nothing more"
    for check in checks:
        asked = check["spec"]["default"]["config"]["httpHealthCheck"]
        if (asked.get("requestPath"), asked.get("port"), asked.get("portSpecification")) != ("/readyz", 9100, "USE_FIXED_PORT"):
            yield f"{title(check)} does not ask /readyz of port 9100"
        if not release.find("Service", check["spec"]["targetRef"]["name"]):
            yield f"{title(check)} is for no Service that is there"
        if release.values["networkPolicies"]["enabled"]:
            blocks = {peer["ipBlock"]["cidr"] for found in release.of("NetworkPolicy") for rule in found["spec"].get("ingress", [])
                      for peer in rule["from"] if "ipBlock" in peer and any(port["port"] == 9100 for port in rule["ports"])}
            if not blocks:
                yield f"{title(check)}: no address may reach the admin port"
