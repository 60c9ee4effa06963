"""Deskling, a support platform that does not exist: the worked example of docs/connectors.md."""

#: The name of this system in every failure.
SYSTEM = "deskling"
