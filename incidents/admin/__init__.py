"""What happened, on screen: incidents with their windows, the imported facts to read, liquidations explained."""

from incidents.admin import facts, incidents, liquidations, liquidations_taken_in

__all__ = ["facts", "incidents", "liquidations", "liquidations_taken_in"]
