"""WHAT HAPPENED: incidents and their outage windows, and the exchange's own facts about that time.

Facts are imported, never typed: see `incidents.imports`. Corrections overwrite a row; what it said before stays in the history.
"""

from incidents.models.files import ImportedFile
from incidents.models.incidents import Incident, OutageWindow
from incidents.models.market import AbnormalRange, Asset, Instrument, LiquidationRatio, Price, Quote, Side
from incidents.models.trading import Account, Customer, Liquidation, Order

__all__ = [
    "AbnormalRange",
    "Account",
    "Asset",
    "Customer",
    "ImportedFile",
    "Incident",
    "Instrument",
    "Liquidation",
    "LiquidationRatio",
    "Order",
    "OutageWindow",
    "Price",
    "Quote",
    "Side",
]
