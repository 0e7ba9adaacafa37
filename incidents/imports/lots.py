"""From a statement's words to an order's: whose account, which instrument, how much of the base asset."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.db import connection

from incidents.imports.taking import execute
from incidents.models import Account, Instrument
from jobs import bulk

LOT = Decimal(100_000)  # of a currency pair, with every broker; of metals, indices and coins it is the broker's own
CURRENCIES = frozenset(
    "AUD BRL CAD CHF CNH CNY CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK NZD PHP PLN RON SEK SGD THB TRY TWD USD "
    "ZAR".split()
)


def settle(batch: bulk.Batch, *, customer: str, lots: Mapping[str, Decimal]) -> None:
    """Fill in account, customer, symbol and quantity of the rows; what cannot be told is an error of its rows.

    The customer is the one stated, else whom the account belongs to, else the account itself. `lots`: base units a lot by
    symbol, '' for all others. A profit in another currency than the order settles in is left out.
    """
    account = batch.notes["account"]
    owner = Account.objects.filter(code=account).values_list("customer__code", flat=True).first()
    execute("UPDATE bulk_row SET account = %s, customer = %s", [account, customer or owner or account])
    _name_symbols(batch)
    _count_units(batch, lots)
    execute(
        """UPDATE bulk_row r SET realized_pnl = NULL FROM incidents_instrument i
            WHERE i.symbol = r.symbol AND i.settle_id <> %s""",
        [batch.notes["currency"]],
    )
    batch.present = batch.present - {"lots", "item"} | {"account", "customer", "symbol", "quantity"}
    batch.headings |= {"quantity": "Size", "symbol": "Item"}


def _name_symbols(batch: bulk.Batch) -> None:
    """Brokers write symbols in lower case and add to them: eurgbp-2 is EURGBP, unless there is an instrument EURGBP-2."""
    execute("""
        UPDATE bulk_row r SET symbol = (
            SELECT i.symbol FROM incidents_instrument i
             WHERE i.symbol IN (r.item, upper(r.item), substring(upper(r.item) from '^[A-Z0-9]+'))
             ORDER BY i.symbol = r.item DESC, i.symbol = upper(r.item) DESC LIMIT 1
        )
    """)
    batch.refuse("""
        SELECT line, 'item', 'a known symbol; import the instrument '
                   || coalesce(substring(upper(item) from '^[A-Z0-9]+'), upper(item)) || ' first'
          FROM bulk_row WHERE symbol IS NULL
    """)


def _count_units(batch: bulk.Batch, lots: Mapping[str, Decimal]) -> None:
    units = _units(_symbols(), lots)
    execute(
        """UPDATE bulk_row r SET quantity = r.lots * lot.units
             FROM unnest(%s::text[], %s::numeric[]) AS lot (symbol, units) WHERE lot.symbol = r.symbol""",
        [list(units), list(units.values())],
    )
    batch.refuse("""
        SELECT line, 'lots', 'a lot that is stated: --lot ' || symbol || '=100 if a lot is 100 ' || base_id
          FROM bulk_row JOIN incidents_instrument USING (symbol) WHERE quantity IS NULL
    """)


def _symbols() -> list[tuple[str, str, str]]:
    """Symbol, base and quote of what the rows trade."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT symbol FROM bulk_row WHERE symbol IS NOT NULL")
        traded = [symbol for (symbol,) in cursor.fetchall()]
    return list(Instrument.objects.filter(symbol__in=traded).values_list("symbol", "base", "quote"))


def _units(symbols: list[tuple[str, str, str]], lots: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What a lot is, where it is stated or the custom of currencies says it."""
    found = {}
    for symbol, base, quote in symbols:
        custom = LOT if {base, quote} <= CURRENCIES else None
        units = lots.get(symbol) or lots.get("") or custom
        if units:
            found[symbol] = units
    return found
