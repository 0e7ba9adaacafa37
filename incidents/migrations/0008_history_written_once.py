"""What was changed is kept by the portal's one history (`claims_change`), which has taken over what these tables told."""

import pgtrigger.migrations
from django.db import migrations

WRITERS = {
    "abnormalrange": ["insert_insert", "delete_delete"],
    "incident": ["insert_insert", "update_update"],
    "liquidationratio": ["insert_insert"],
    "order": ["corrected_update"],
    "outagewindow": ["insert_insert", "update_update", "delete_delete"],
}
EVENTS = {f"{model}event": ["append_only"] for model in WRITERS}


class Migration(migrations.Migration):
    dependencies = [
        ("incidents", "0007_customers_found_as_one_types"),
        ("claims", "0025_history_written_once"),
    ]

    operations = [
        *(
            pgtrigger.migrations.RemoveTrigger(model_name=model, name=name)
            for model, names in (WRITERS | EVENTS).items()
            for name in names
        ),
        *(migrations.DeleteModel(name=model) for model in EVENTS),
    ]
