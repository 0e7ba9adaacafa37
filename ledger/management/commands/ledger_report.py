"""`ledger_report trial-balance|statement|fund`: what the books say, as of any day or instant."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.utils import timezone

from jobs.paper import day, moment
from jobs.report_command import ReportCommand
from ledger import papers


class Command(ReportCommand):
    help = "The trial balance, an account's statement, or the fund: what came, what went, and what it is worth."
    reports = ("trial-balance", "statement", "fund")

    def bounds(self, parser):
        parser.add_argument("--account", metavar="A", help="of a statement: Assets:Fund:Cash")
        parser.add_argument("--asset", metavar="A", help="of a statement, instead of every asset")
        parser.add_argument("--from", dest="first", type=day, metavar="D", help="the first day, by effective date")
        parser.add_argument("--to", dest="last", type=day, metavar="D", help="the last day, inside")
        parser.add_argument("--as-of", type=moment, metavar="T", help=moment.__doc__)
        parser.add_argument(
            "--in", dest="in_asset", metavar="ASSET", help="of the fund: its worth at the rates in force"
        )

    def paper(self, *, report, account, asset, first, last, as_of, in_asset, **_options):
        given = {"account": account, "asset": asset, "first": first, "last": last, "in_asset": in_asset}
        given = {name: value for name, value in given.items() if value is not None}
        if extra := set(given) - TAKES[report]:
            raise CommandError(f"{report} takes no {', '.join(sorted(map(OPTION, extra)))}", returncode=2)
        if report == "trial-balance":
            return papers.trial_balance(as_of=as_of)
        if report == "fund":
            return papers.fund(as_of=as_of, now=timezone.now(), **given)
        if not account:
            raise CommandError("a statement is of one --account", returncode=2)
        return papers.statement(as_of=as_of, **given)


TAKES = {
    "trial-balance": set(),
    "statement": {"account", "asset", "first", "last"},
    "fund": {"first", "last", "in_asset"},
}
OPTION = {"first": "--from", "last": "--to", "account": "--account", "asset": "--asset", "in_asset": "--in"}.__getitem__
