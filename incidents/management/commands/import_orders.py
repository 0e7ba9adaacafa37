"""`import_orders FILE [--preset mt4-statement]`: the exchange's closing legs, by order and leg."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

from django.core.management.base import CommandError
from django.utils.timezone import now

from incidents import imports
from incidents.imports.orders import PRESETS, STATEMENT
from jobs import progress
from jobs.console import PortalCommand


def lot(text: str) -> tuple[str, Decimal]:
    """SYMBOL=UNITS, or UNITS for every symbol not named."""
    symbol, _equals, units = text.rpartition("=")
    try:
        number = Decimal(units)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not (number.is_finite() and number > 0):
        raise ValueError(text)
    return symbol.upper(), number


def customer(text: str) -> str:
    """A customer's code as a file would say it."""
    if not text.isprintable() or len(text.strip()) > 64:
        raise ValueError(text)
    return text.strip()


class Command(PortalCommand):
    help = "Create or correct orders from a CSV file (plain, .gz or .zip), and the customers and accounts it names."

    def arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--timezone",
            default="",
            metavar="ZONE",
            help="of times without an offset: Asia/Shanghai; for a statement the broker's clock: EET, Etc/GMT-2",
        )
        parser.add_argument("--preset", default="", choices=[name for name in PRESETS if name], help="the file's form")
        parser.add_argument(
            "--customer",
            default="",
            type=customer,
            help="whose statement it is; else its account number stands for them",
        )
        parser.add_argument(
            "--lot",
            action="append",
            default=[],
            type=lot,
            metavar="[SYMBOL=]UNITS",
            help="base units in a lot of a statement, may be repeated; without it 100000 for currency pairs, and metals, "
            "indices and coins are refused: state theirs (XAUUSD=100)",
        )

    def act(self, *, file, timezone, preset, customer, lot, json, **_options):
        if (customer or lot) and preset != STATEMENT:
            raise CommandError(f"--customer and --lot are for --preset {STATEMENT}", returncode=2)
        return imports.import_orders(
            file,
            preset=preset,
            timezone=timezone,
            customer=customer,
            lots=dict(lot),
            now=now(),
            progress=progress.line(quiet=json),
        )
