"""Customers are found by an e-mail's beginning and by the words of a name, among a million at once."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("incidents", "0006_liquidation_surplus")]

    operations = [
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                django.contrib.postgres.indexes.OpClass(Upper("email"), name="text_pattern_ops"),
                condition=models.Q(("email", ""), _negated=True),
                name="customer_by_email",
            ),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.search.SearchVector("name", config="simple"),
                condition=models.Q(("name", ""), _negated=True),
                name="customer_by_name",
            ),
        ),
    ]
