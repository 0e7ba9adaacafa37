"""How fast it is, measured beside the floor: hand-written SQL doing the same work on the same tables. `make bench`."""
