"""Everything Trueup needs, on one machine: for the demonstration, development and tests."""
