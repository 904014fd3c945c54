"""What scripts/delivery/chart checks."""
