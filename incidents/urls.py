"""Addresses of this room."""

from django.urls import path

from incidents import views

urlpatterns = [
    path("", views.front, name="front"),
    path("incidents/<str:reference>/", views.notice, name="notice"),
]
