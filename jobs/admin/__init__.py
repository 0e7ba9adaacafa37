"""The engine room's screens: the work, and what is for superusers alone."""

from jobs.admin import people, work

__all__ = ["people", "work"]
