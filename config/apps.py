"""The admin's app configuration, and the one table that no model owns."""

from typing import Any

from django.contrib.admin.apps import AdminConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


class PortalAdminConfig(AdminConfig):
    """Django's admin with our site in place of the stock one."""

    default_site = "config.site.PortalAdminSite"

    def ready(self) -> None:
        super().ready()
        post_migrate.connect(create_cache_table, sender=self)


def create_cache_table(*, using: str, **kwargs: Any) -> None:
    """Make the table of the database cache whenever migrations have run; it has no migration of its own."""
    call_command("createcachetable", database=using, verbosity=0)
