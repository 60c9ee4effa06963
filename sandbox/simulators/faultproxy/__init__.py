"""A reverse proxy that injects faults by rule, put before any vendor in tests."""
