"""Wiring: settings from the environment, addresses, our own database when none is given. Rooms are strings here."""
