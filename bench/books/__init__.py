"""How fast the books are, beside hand-written SQL with the same guarantees and two published ledgers for Django."""
