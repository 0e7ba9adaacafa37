"""Decisions held against the books, as tables: an incident's compensation, the bonuses, and what an auditor looks at twice."""

from claims.papers.bonuses import bonuses
from claims.papers.exceptions import exceptions
from claims.papers.incident import incident

__all__ = ["bonuses", "exceptions", "incident"]
