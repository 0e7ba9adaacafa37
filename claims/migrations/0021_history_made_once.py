"""The history's triggers as they are now: a changed row is made once, not once for each of its columns."""

from django.db import migrations

from claims import recording


class Migration(migrations.Migration):
    dependencies = [("claims", "0020_offers_that_wait")]

    operations = [migrations.RunSQL(recording.INSTALL, migrations.RunSQL.noop)]
