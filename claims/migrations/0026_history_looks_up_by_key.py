"""The history's triggers as they are now: what a row hangs on is looked up by its key, whatever a session planned first."""

from django.db import migrations

from claims import recording


class Migration(migrations.Migration):
    dependencies = [("claims", "0025_history_written_once")]

    operations = [migrations.RunSQL(recording.INSTALL, migrations.RunSQL.noop)]
