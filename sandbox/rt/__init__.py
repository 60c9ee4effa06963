"""Request Tracker 5 of the system's packages, started for tests; it is never imported."""
