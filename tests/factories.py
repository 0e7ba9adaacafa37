"""The S1 outage in few words: plain functions, plain values, no surprises."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from django.contrib.auth.models import Group, User

from claims import workflow
from claims.models import Claim, Contact, Evidence
from incidents.models import Account, Asset, Customer, Incident, Instrument, Order, OutageWindow, Quote

NOW = datetime(2022, 11, 18, 9, 0, tzinfo=UTC)
S1 = Path("claims/presets/s1-btcc.toml").read_text()


def at(clock: str, day: int = 16) -> datetime:
    """'15:30', '15:30:00' or '15:30:00.001' UTC on a day of November 2022."""
    return datetime.fromisoformat(f"2022-11-{day:02}T{clock if clock.count(':') == 2 else clock + ':00'}+00:00")


def staff(name: str, role: str) -> User:
    user = User.objects.create_user(name, password="correct horse", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def instrument(
    symbol: str = "BTCUSDT", *, margin: str = "linear", contract_value: str = "1", product: str = "standard"
) -> Instrument:
    base, quote = ("BTC", "USDT") if margin == "linear" else ("BTC", "USD")
    for code in (base, quote):
        Asset.objects.get_or_create(code=code)
    found, _created = Instrument.objects.get_or_create(
        symbol=symbol,
        defaults={
            "margin": margin,
            "product": product,
            "base_id": base,
            "quote_id": quote,
            "settle_id": quote if margin == "linear" else base,
            "contract_value": Decimal(contract_value),
            "liquidation_fee_rate": Decimal("0.01"),
        },
    )
    return found


def quotes(symbol: str, *rows: tuple[str, str, str]) -> None:
    """Rows of (clock, bid, ask) on 16 November."""
    Quote.objects.bulk_create(
        Quote(instrument=instrument(symbol), at=at(clock), bid=Decimal(bid), ask=Decimal(ask))
        for clock, bid, ask in rows
    )


def incident(
    reference: str = "INC-2022-001", *, windows=(("14:09", "15:30"),), policy: str | None = S1, **fields
) -> Incident:
    made = Incident.objects.create(
        reference=reference,
        title="Trading server failure",
        declared_at=NOW,
        status="published",
        published_at=NOW,
        **fields,
    )
    for start, end in windows:
        OutageWindow.objects.create(incident=made, starts_at=at(start), ends_at=end and at(end))
    if policy:
        workflow.publish_policy(workflow.draft_policy(made, policy, now=NOW), now=NOW)
    return made


def customer(code: str = "carla") -> Customer:
    found, created = Customer.objects.get_or_create(code=code)
    if created:
        Account.objects.create(code=f"{code}-1", customer=found)
    return found


IN_THE_OUTAGE = at("15:00")


def claim(
    incident: Incident, code: str = "carla", *, contacted: datetime | None = IN_THE_OUTAGE, entered_by=None
) -> Claim:
    made = Claim.objects.create(incident=incident, customer=customer(code), submitted_at=NOW, entered_by=entered_by)
    if contacted:
        Contact.objects.create(claim=made, channel="chat", contacted_at=contacted)
    return Claim.objects.get(pk=made.pk)


def order(order_id: str, code: str = "carla", **facts) -> Order:
    """A long of 0.5 BTCUSDT, 16,950 in at 13:00 and liquidated at 16,500 at 14:20, but for what is said."""
    who = customer(code)
    facts = {
        "symbol": "BTCUSDT",
        "side": "long",
        "quantity": "0.5",
        "entry_price": "16950",
        "opened_at": at("13:00"),
        "exit_price": "16500",
        "closed_at": at("14:20"),
        "close_reason": "liquidation",
    } | facts
    money = ("quantity", "entry_price", "exit_price", "take_profit", "stop_loss", "liquidation_fee", "bankruptcy_cover")
    facts |= {name: facts[name] and Decimal(facts[name]) for name in money if name in facts}
    symbol = facts.pop("symbol")
    return Order.objects.create(
        order_id=order_id, customer=who, account=who.accounts.get(), instrument=instrument(symbol), **facts
    )


def still_open() -> dict:
    return {"exit_price": None, "closed_at": None, "close_reason": ""}


def evidence(claim: Claim, *, sha256: str = "a" * 64, status: str = "received", **fields) -> Evidence:
    if status != "received":
        fields |= {"reason": "shows the login error", "reviewed_at": NOW}
    return Evidence.objects.create(
        claim=claim, kind="screenshot", name="error.png", content_type="image/png", size=1, sha256=sha256, original="x",
        received_at=NOW, status=status, **fields,
    )  # fmt: skip
