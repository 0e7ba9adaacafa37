"""The back office's screens of this room: the queue and its claims, the policies, the record."""

from claims.admin import history, letters, payouts, policies, queue, record, reports, teams

__all__ = ["history", "letters", "payouts", "policies", "queue", "record", "reports", "teams"]
