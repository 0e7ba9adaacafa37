"""The back office: unfold's admin site, and the exception to the content security policy that it needs."""

from collections.abc import Callable
from typing import Any

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from unfold.sites import UnfoldAdminSite

# unfold's Alpine.js evaluates its attributes and sets inline styles. Only pages of the back office get these two
# sources; the public pages keep the strict policy of the settings.
relaxed = csp_update({"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]})


class PortalAdminSite(UnfoldAdminSite):
    """The site at /staff/."""

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [path("reports/", include("jobs.report_urls")), *super().get_urls()]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return relaxed(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page: Callable[..., HttpResponse] = relaxed(super().login)
        return page(request, extra_context)
