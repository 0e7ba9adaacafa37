"""Addresses of this room."""

from django.urls import path

from claims import views

urlpatterns = [
    path("evidence/<int:pk>/original/", views.evidence_original, name="evidence_original"),
    path("evidence/<int:pk>/recording/", views.evidence_recording, name="evidence_recording"),
    path("evidence/<int:pk>/preview/", views.evidence_preview, name="evidence_preview"),
    path("evidence/frames/<int:pk>/", views.evidence_frame, name="evidence_frame"),
]
