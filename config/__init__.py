"""Wiring: settings from the environment, addresses, the database when none is given. Names the rooms only as strings."""
