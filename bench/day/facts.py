"""The facts of that day: customers with orders, the quotes, what they wrote to the helpdesk; each time the same rows."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from claims import staff
from incidents.models import Account, Asset, Customer, Incident, Instrument, Order, OutageWindow, Quote

START = datetime(2022, 11, 16, 14, 9, tzinfo=UTC)
END = datetime(2022, 11, 16, 15, 30, tzinfo=UTC)
REFERENCE, SYMBOL = "DAY-1", "BTCUSDT"
PEOPLE = {"ana": "agent", "bo": "agent", "mia": "manager", "max": "manager", "aude": "auditor"}
AGAIN, STRANGER, NO_ADDRESS = 0.1, 0.02, 0.03  # shares: second contacts, orders that are not theirs, no e-mail address
HEADER = (
    "customer",
    "name",
    "email",
    "language",
    "account",
    "order_ids",
    "channel",
    "contacted_at",
    "message",
    "ticket",
)


@dataclass(frozen=True)
class World:
    """What the day begins with."""

    incident: Incident
    contacts: Path
    tickets: dict[str, str]  # ticket -> customer


def make(contacts: int, folder: Path) -> World:
    """People, market, orders, and the helpdesk's export of so many contacts."""
    chance = random.Random(16112022)  # noqa: S311 plausible, not secret
    for name, role in PEOPLE.items():
        staff.employ(name, role, password="long enough a word")  # noqa: S106
    instrument = _market()
    customers = _customers(round(contacts * (1 - AGAIN)))
    orders = _orders(customers, instrument, chance)
    declared = START + timedelta(hours=2)
    incident = Incident.objects.create(reference=REFERENCE, title="Trading server failure", declared_at=declared)
    OutageWindow.objects.create(incident=incident, starts_at=START, ends_at=END)
    path = folder / "helpdesk.csv"
    return World(incident, path, _export(path, contacts, customers, orders, chance))


def _market() -> Instrument:
    for code, decimals in (("BTC", 8), ("USDT", 2)):
        Asset.objects.get_or_create(code=code, defaults={"decimals": decimals})
    instrument = Instrument.objects.create(
        symbol=SYMBOL, product="standard", margin="linear", base_id="BTC", quote_id="USDT", settle_id="USDT",
        contract_value=1, liquidation_fee_rate=Decimal("0.01"),
    )  # fmt: skip
    begin = START - timedelta(minutes=10)
    walk = ((begin + timedelta(seconds=2 * n), Decimal(16_500 + n * 37 % 90)) for n in range(3_600))
    Quote.objects.bulk_create(Quote(instrument=instrument, at=at, bid=bid, ask=bid + 1) for at, bid in walk)
    return instrument


def _customers(number: int) -> list[Customer]:
    customers = Customer.objects.bulk_create(Customer(code=f"C{n:06}") for n in range(number))
    Account.objects.bulk_create(Account(code=f"A-{who.code}", customer=who) for who in customers)
    return customers


def _orders(customers: list[Customer], instrument: Instrument, chance: random.Random) -> dict[str, list[str]]:
    """One to three a customer: most liquidated in the outage, some closed by hand after it, some in profit or still open."""
    accounts = dict(Account.objects.values_list("customer_id", "pk"))
    made, of = [], {}
    for who in customers:
        of[who.code] = [f"{who.pk:07}-{n}" for n in range(chance.choice((1, 1, 2, 3)))]
        made += [
            Order(order_id=name, customer=who, account_id=accounts[who.pk], instrument=instrument, **_trade(chance))
            for name in of[who.code]
        ]
    Order.objects.bulk_create(made, batch_size=5_000)
    return of


def _trade(chance: random.Random) -> dict:
    opened = START - timedelta(minutes=chance.randrange(30, 600))
    facts = {
        "side": "long",
        "quantity": Decimal(chance.randrange(1, 200)) / 100,
        "entry_price": 16_950,
        "opened_at": opened,
    }
    kind = chance.random()
    if kind < 0.05:
        return facts  # still open
    if kind < 0.55:
        closed, reason = START + (END - START) * chance.random(), "liquidation"
    else:
        closed, reason = END + timedelta(minutes=chance.randrange(1, 600)), "user"
    exit_price = 17_000 if kind > 0.9 else 16_450 - chance.randrange(0, 300)
    return facts | {"closed_at": closed, "close_reason": reason, "exit_price": exit_price}


def _export(
    path: Path, contacts: int, customers: list[Customer], orders: dict[str, list[str]], chance
) -> dict[str, str]:
    tickets = {}
    with path.open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(HEADER)
        for number in range(contacts):
            who = customers[number] if number < len(customers) else chance.choice(customers)
            tickets[f"T-{number:06}"] = who.code
            sheet.writerow(_row(number, who, orders[who.code], chance))
    return tickets


def _row(number: int, who: Customer, orders: list[str], chance: random.Random) -> tuple:
    named = [f"NO-{number}"] if chance.random() < STRANGER else orders
    reached = START + timedelta(minutes=chance.randrange(5, 1_400))
    email = "" if who.pk % 100 < 100 * NO_ADDRESS else f"{who.code.lower()}@example.com"
    return (
        who.code, f"Customer {who.code}", email, "zh" if who.pk % 2 else "en", f"A-{who.code}",
        chance.choice((" ", ", ", "；", " / ")).join(named), chance.choice(("email", "chat", "web")), reached.isoformat(),
        "I could not close my position.", f"T-{number:06}",
    )  # fmt: skip
