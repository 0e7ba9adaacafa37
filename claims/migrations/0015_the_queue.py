"""The queue's lanes in order, whatever the number of claims; a contact by its ticket."""

from django.db import migrations, models

OPEN = models.Q(status__in=["submitted", "needs_evidence", "on_hold", "assessed"])
CLOSED = models.Q(status__in=["approved", "denied", "withdrawn"])
IN_ORDER = ["due_at", "submitted_at", "id"]


def index(name, fields, condition=None):
    return migrations.AddIndex("claim", models.Index(fields=fields, name=name, condition=condition))


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0014_roles_at_the_claims_desk"),
    ]

    operations = [
        migrations.RemoveIndex("claim", "claim_queue"),
        index("claim_queue", IN_ORDER, OPEN),
        index("claim_queue_status", ["status", *IN_ORDER], OPEN),
        index("claim_queue_team", ["team", *IN_ORDER], OPEN & models.Q(team__isnull=False)),
        index("claim_escalated", IN_ORDER, models.Q(escalated_at__isnull=False) & OPEN),
        index("claim_closed", IN_ORDER, CLOSED),
        index("claim_by_due", IN_ORDER),
        migrations.AddIndex(
            "contact",
            models.Index(fields=["ticket"], name="contact_by_ticket", condition=models.Q(("ticket", ""), _negated=True)),
        ),
    ]
