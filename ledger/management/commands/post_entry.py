"""`post_entry FILE.toml --by USER`: a manual entry: seed capital, a top-up, a correction by reversal."""

from __future__ import annotations

from django.utils import timezone

from jobs.console import PortalCommand, staff_named, text_of
from ledger import entry_file, posting


class Command(PortalCommand):
    help = "Post a manual entry from a TOML file; the same file again changes nothing."
    refusals = (entry_file.EntryFileError, posting.PostingError)

    def arguments(self, parser):
        parser.add_argument("file", metavar="FILE.toml")
        parser.add_argument("--by", required=True, metavar="USER", help="who posts it: a manager")

    def act(self, *, file, by, **_options):
        draft = entry_file.read(text_of(file))
        entry = posting.post_manual(draft, by=staff_named(by), now=timezone.now())
        return {"reference": entry.reference, "entry": entry.pk}
