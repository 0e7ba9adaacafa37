"""The addresses of the portal. Each room lists its own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("staff/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("jobs.urls")),
    path("", include("incidents.urls")),
    path("", include("claims.urls")),
]
