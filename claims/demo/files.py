"""The demo written down: every file that the portal's commands read."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from claims.demo import attachments, contacts, orders, people, quotes, screenshots

SEED = 20_221_116
OUTAGE, STALL = "INC-2022-001", "INC-2022-002"
LAST_TICKET = f"M-{contacts.FIRST_NUMBER + people.CASES['forgotten'] - 1}"

TEXTS = {
    "outage.toml": f"""
reference = "{OUTAGE}"
title = "Trading server failure"
cause = "Power outage in the server room due to external factors"
timezone = "UTC"
services = ["login", "trading", "web", "app"]
instruments = []

[[windows]]
starts_at = 2022-11-16T14:09:00Z
ends_at = 2022-11-16T15:30:00Z
""",
    "stall.toml": f"""
reference = "{STALL}"
title = "SOLUSDT price feed failure"
cause = "The price feed of one instrument stands still; the supplier is at work on it"
timezone = "Asia/Shanghai"
services = ["trading"]
instruments = ["SOLUSDT"]

[[windows]]
starts_at = 2022-11-17T13:05:00Z
ends_at = 2022-11-17T13:20:00Z

[[windows]]
starts_at = 2022-11-17T15:40:00Z
""",
    "stall-policy.toml": """
name = "SOLUSDT price feed failure, 17 Nov 2022"
binding_language = "en"

[contact]
required = true
within = "24h"

[bonus]
amount = "5"
asset = "USDT"
within = "24h"

[[clauses]]
code = "N1"
effect = "exclude"
text.en = "Orders that generated profits"
text.zh = "产生盈利的订单"
result = "profit"

[[clauses]]
code = "N2"
effect = "exclude"
text.en = "Users who did not get in touch with our customer support within 24 hours"
text.zh = "24小时内未联系客服的用户"
in_contact = false

[[clauses]]
code = "P1"
effect = "include"
text.en = "SOLUSDT orders closed in loss while the price feed stood still, or within one hour after"
text.zh = "在行情中断期间或恢复后一小时内亏损平仓的 SOLUSDT 订单"
result = "loss"
closed_from = "start"
closed_to = "end+1h"
instruments = ["SOLUSDT"]
""",
    "seed.toml": """
reference = "seed-2022"
category = "seed_capital"
effective_on = 2022-11-01
description = "The company's seed of the insurance fund"

[[transfers]]
debit = "Assets:Fund:Cash"
credit = "Equity:SeedCapital"
amount = "1000000.00"
asset = "USDT"

[[transfers]]
debit = "Assets:Fund:Cash"
credit = "Equity:SeedCapital"
amount = "50"
asset = "BTC"
""",
}


@dataclass(frozen=True)
class Picture:
    """A picture on disk and what is said of it."""

    path: Path
    sent: attachments.Attachment


@dataclass(frozen=True)
class Case:
    """The demo's folder: its files by name, its pictures, and who has which kind of case."""

    folder: Path
    pictures: list[Picture]
    cases: dict[str, str]

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def write(folder: Path) -> Case:
    """Write every file; the same bytes at every run."""
    everybody, markets = people.customers(_chance("people")), quotes.markets(SEED)
    told = list(orders.tell(everybody, markets, _chance("orders")))
    sent = attachments.sent(everybody, told, _chance("attachments"))
    first = {item.customer for item in sent if item.verdict}
    exports = contacts.exports(everybody, told, _chance("contacts"), reviewed=first)
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    _table(folder / "instruments.csv", tuple(quotes.INSTRUMENTS[0]), quotes.INSTRUMENTS)
    _table(folder / "quotes.csv", ("ts", "symbol", "bid", "ask"), quotes.rows(markets))
    _table(folder / "orders.csv", orders.COLUMNS, told)
    for name, rows in exports.items():
        _table(folder / f"{name}.csv", contacts.COLUMNS, rows)
    return Case(folder, [_picture(folder, item) for item in sent], {one.code: one.case for one in everybody})


def _chance(of: str) -> Random:
    return Random(f"{SEED} {of}")  # noqa: S311 plausible, not secret


def _table(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _picture(folder: Path, item: attachments.Attachment) -> Picture:
    name, content = screenshots.draw(item.subject, taken_at=item.taken_at, mark=item.mark)
    path = folder / item.customer / name
    path.parent.mkdir()
    path.write_bytes(content)
    return Picture(path, item)
