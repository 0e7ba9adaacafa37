"""Facts in: instruments, orders, quotes and liquidations from the exchange's own files (interfaces, Files).

A file with a bad row is refused whole; the same file twice changes nothing; two imports of one kind wait for each other.
Each verb returns what its command prints: rows, created, updated, unchanged, rejected, errors.
"""

from incidents.imports.instruments import import_instruments
from incidents.imports.liquidations import import_liquidations
from incidents.imports.orders import import_orders
from incidents.imports.quotes import import_quotes
from incidents.imports.taking import remember

__all__ = ["import_instruments", "import_liquidations", "import_orders", "import_quotes", "remember"]
