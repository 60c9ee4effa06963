"""What serves development alone: the embedded stack, its ERP, the simulators, and the demo. The
image of a deployment is made without it."""
