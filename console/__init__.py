"""What people see in a browser. It has a process and an address of its own: no cookie is where
webhooks and API keys are."""
