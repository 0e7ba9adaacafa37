"""A helpdesk's file on screen: looked at, confirmed, taken in by a worker."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import claims.models.intake


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0017_offers_lapse"),
        ("incidents", "0007_customers_found_as_one_types"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=255, verbose_name="file name")),
                (
                    "content",
                    models.FileField(
                        max_length=300,
                        storage=claims.models.intake.upload_storage,
                        upload_to="contacts",
                        verbose_name="file",
                    ),
                ),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256")),
                (
                    "timezone",
                    models.CharField(
                        blank=True,
                        help_text="of times without an offset; empty: they are refused",
                        max_length=60,
                        verbose_name="time zone",
                    ),
                ),
                (
                    "found",
                    models.JSONField(default=dict, help_text="what a look at the file found", verbose_name="found"),
                ),
                ("added_at", models.DateTimeField(verbose_name="added at")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed at")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                ("claims_created", models.PositiveIntegerField(default=0, verbose_name="claims created")),
                ("contacts_added", models.PositiveIntegerField(default=0, verbose_name="contacts added")),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="added by",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="incidents.incident",
                        verbose_name="incident",
                    ),
                ),
            ],
            options={
                "verbose_name": "contact file",
                "verbose_name_plural": "contact files",
                "ordering": ["-added_at", "-id"],
            },
        ),
    ]
