"""Addresses of the reports, inside the back office."""

from django.contrib import admin
from django.urls import path

from jobs import report_pages

urlpatterns = [
    path("", admin.site.admin_view(report_pages.index), name="jobs_reports"),
    path("<slug:name>/", admin.site.admin_view(report_pages.report), name="jobs_report"),
]
