"""What follows from what: pure functions over canonical models, without I/O or clock."""
