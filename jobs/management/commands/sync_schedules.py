"""`sync_schedules`: what the workers do every minute, as the settings say; after every deployment, before the workers."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from jobs import pulse
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Write the schedules of the settings into the queue's table. Run again it changes nothing."

    def act(self, *, verbosity, **_options):
        created, removed = pulse.keep_schedules(settings.SCHEDULES, now=timezone.now())
        if not verbosity:
            return {}
        return {"schedules": sorted(settings.SCHEDULES), "created": created, "removed": removed}
