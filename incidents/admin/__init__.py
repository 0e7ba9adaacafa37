"""What happened, on screen: incidents with their windows, and the imported facts to read."""

from incidents.admin import facts, incidents

__all__ = ["facts", "incidents"]
