"""`post_entry FILE.toml --by USER`: a manual entry: seed capital, a top-up, a correction by reversal."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from jobs.console import PortalCommand, Refusal, staff_named
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


def text_of(file: str) -> str:
    """The file's text, or a Refusal that says why there is none."""
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Refusal(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{file}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
