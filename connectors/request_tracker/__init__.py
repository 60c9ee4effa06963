"""Request Tracker 5 as the support platform, by its REST 2. It is a program of its own."""

#: The name of this system in every failure.
SYSTEM = "request_tracker"
