"""The commands of the command line that only a machine with a sandbox has."""
