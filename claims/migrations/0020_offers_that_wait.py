"""Offers that nobody answered yet, by their end: asked for every minute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("claims", "0019_history")]

    operations = [
        migrations.AddIndex(
            "offer", models.Index(fields=["expires_at"], name="offer_waiting", condition=models.Q(answer=""))
        ),
    ]
