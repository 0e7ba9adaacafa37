"""What history is told of a request: who, which screen, how, and from which address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from pghistory.middleware import HistoryMiddleware


class Whereabouts(HistoryMiddleware):
    """The person and the screen, as django-pghistory has them, and the method and address besides."""

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().get_context(request) | {"method": request.method, "address": address_of(request)}


def address_of(request: HttpRequest) -> str:
    """The client's address: of those that proxies noted, the one that the outermost of *our own* proxies saw."""
    noted = [address.strip() for address in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if 0 < settings.TRUSTED_PROXIES <= len(noted):
        return noted[-settings.TRUSTED_PROXIES][:100]
    return request.META.get("REMOTE_ADDR", "")
