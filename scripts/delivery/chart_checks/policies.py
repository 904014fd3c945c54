"""What must hold for everything that the chart renders. A policy is a function that yields complaints."""

POLICIES = {}


def policy(check):
    POLICIES[check.__name__] = check
    return check


def complaints(release):
    for name, check in POLICIES.items():
        for complaint in check(release):
            yield f"{name}: {complaint}"


# Filled by importing them.
from . import policies_monitoring, policies_network, policies_pods, policies_scaling, policies_wiring  # noqa: E402, F401
