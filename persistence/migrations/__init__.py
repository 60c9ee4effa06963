"""What brings the tables about, one version after the other."""
