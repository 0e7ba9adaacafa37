"""The back office's screens of this room: the queue and its claims, the policies, the record."""

from claims.admin import policies, queue, record, reports

__all__ = ["policies", "queue", "record", "reports"]
