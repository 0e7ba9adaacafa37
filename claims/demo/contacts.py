"""What the customers wrote to support: the help desk's export."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random

from claims.demo.fills import moment
from claims.demo.people import Customer
from claims.demo.plots import DAY, MOMENT
from claims.demo.quotes import END, START, at

COLUMNS = (
    "customer", "name", "email", "language", "account", "order_ids", "channel", "contacted_at", "message", "ticket",
)  # fmt: skip
CHANNELS = ("email", "chat", "chat", "phone", "web", "social")
FIRST_NUMBER = 70_001  # of each export's tickets
CHINA = timezone(timedelta(hours=8))
SECOND_OUTAGE = (at("13:20", 17), at("16:55", 17))

# Mostly while it lasted, the rest within the day; the late ones missed the notice's deadline.
SPANS = {"during": (START, END), "evening": (END, at("23:59")), "next day": (at("00:00", 17), END + DAY)}
USUAL = ("during", "during", "during", "evening", "evening", "next day")
TOO_LATE = (END + DAY + MOMENT, at("20:00", 19))

MESSAGES = {
    "liquidated": {
        "en": "I could not log in from {clock} and my position was liquidated while your site was down.",
        "zh": "从 {clock} 开始无法登录，故障期间我的仓位被强制平仓，请处理。",
    },
    "recovered": {
        "en": "When the platform came back I had to close at a loss. I could have closed much better during the outage.",
        "zh": "系统恢复后我只能亏损平仓，如果当时能操作不会亏这么多。",
    },
    "late": {
        "en": "I was locked out during the failure and closed later at a loss. Screenshots attached.",
        "zh": "故障期间无法交易，之后亏损平仓，附上截图。",
    },
    "mixed": {
        "en": "Several of my orders were hit by the server failure. Please check all of them.",
        "zh": "我有多个订单受到服务器故障影响，请全部核查。",
    },
    "settled": {
        "en": "I could not reach my account for over an hour. What will you do about it?",
        "zh": "一个多小时无法访问账户，请问如何赔偿？",
    },
    "by_hand": {
        "en": "Only the API still answered, so I closed by hand at a loss at {clock} because I could see no prices.",
        "zh": "当时只有 API 能用，看不到价格，只好在 {clock} 亏损手动平仓。",
    },
    "no_orders": {
        "en": "The app showed a server error all afternoon. I wanted to open a position and could not.",
        "zh": "整个下午 App 显示服务器错误，无法开仓。",
    },
    "sol": {
        "en": "SOLUSDT has shown the same price for a quarter of an hour and my close order is not accepted.",
        "zh": "SOLUSDT 的价格已经十五分钟没有变化，平仓单无法提交。",
    },
}
OTHER_MATTERS = {  # asked before anything had happened
    "en": "How do I change my trading fee tier?",
    "zh": "请问如何调整我的手续费等级？",
}
FOLLOW_UPS = {
    "en": "Any news on my case? I am still waiting.",
    "zh": "请问我的赔偿处理得怎么样了？",
}
SAME_WORDS = {"edge": "mixed", "doge": "recovered", "late_contact": "liquidated", "forgotten": "recovered"}


def exports(
    everybody: list[Customer], orders: list[dict[str, str]], rng: Random, *, reviewed: set[str]
) -> dict[str, list[dict[str, str]]]:
    """The help desk's four files: the outage's first contacts (of customers whose pictures are `reviewed` before there is a
    policy), all others, a mailbox that was found later, and the contacts about the second incident, which lasts.
    """
    named = _named_orders(orders)
    first, main, mailbox = [], [], []
    for customer in everybody:
        mine = named.get(customer.code, [])
        if customer.case == "forgotten":
            mailbox.append(_row(customer, mine, moment(SPANS["evening"], rng), "email", rng))
        elif customer.code in reviewed:
            opening, *more = _of(customer, mine, rng, at_least=2)
            first.append(opening)
            main += more
        elif customer.case != "silent" and not (customer.case == "sol" and rng.randint(0, 1)):
            main += _of(customer, mine, rng)  # some write about the second incident only
    sol = _named_orders([order for order in orders if order["symbol"] == "SOLUSDT"])
    stall = [
        _row(customer, sol.get(customer.code, []), moment(SECOND_OUTAGE, rng), "chat", rng)
        for customer in everybody
        if customer.case == "sol"
    ]
    files = {"first-contacts": first, "contacts": main, "mailbox": mailbox, "stall-contacts": stall}
    return {name: _numbered(rows, f"{name[0].upper()}-") for name, rows in files.items()}


def _named_orders(orders: list[dict[str, str]]) -> dict[str, list[str]]:
    """What customers complain about: their losses after the failure began, oldest first."""
    named: dict[str, list[str]] = {}
    for order in orders:
        if order["realized_pnl"].startswith("-") and order["closed_at"] >= "2022-11-16T14:09":
            named.setdefault(order["customer"], []).append(order["order_id"])
    return named


def _of(customer: Customer, orders: list[str], rng: Random, *, at_least: int = 1) -> list[dict[str, str]]:
    """One to three contacts."""
    if customer.case == "late_contact":
        times = [END + DAY + MOMENT if customer.code.endswith("1") else moment(TOO_LATE, rng)]
        if rng.randint(1, 4) == 1:  # and once about something else, before anything had happened
            times.append(moment((at("09:00"), START - MOMENT), rng))
    else:
        times = [moment(SPANS[rng.choice(USUAL)], rng)]
        follow_ups = max(rng.choice((0, 0, 0, 0, 1, 1, 2)), at_least - 1)
        times += [moment((times[0], at("18:00", 18)), rng) for _ in range(follow_ups)]
    return [_row(customer, orders, when, rng.choice(CHANNELS), rng, follow_up=n > 0) for n, when in enumerate(times)]


def _row(
    customer: Customer, orders: list[str], when: datetime, channel: str, rng: Random, *, follow_up: bool = False
) -> dict[str, str]:
    language = customer.language
    local = when.astimezone(CHINA) if language == "zh" else when
    words = MESSAGES[SAME_WORDS.get(customer.case, customer.case)][language].format(clock=f"{local:%H:%M}")
    if follow_up:
        words = FOLLOW_UPS[language] if when >= START else OTHER_MATTERS[language]
    told = [] if follow_up else sorted(set(orders))[: rng.choice((0, 1, 2, 3))]
    if not follow_up and rng.randint(1, 40) == 1:
        told.append(f"O-{rng.randint(9_900_000, 9_999_999)}")  # a number that we do not know
    return {
        "customer": customer.code,
        "name": customer.name,
        "email": customer.email,
        "language": language,
        "account": customer.accounts[0],
        "order_ids": " ".join(told),
        "channel": channel,
        "contacted_at": local.isoformat(timespec="milliseconds"),
        "message": words,
        "ticket": "",
    }


def _numbered(rows: list[dict[str, str]], prefix: str) -> list[dict[str, str]]:
    """In the order in which they came, each with its ticket."""
    rows.sort(key=lambda row: datetime.fromisoformat(row["contacted_at"]))
    return [row | {"ticket": f"{prefix}{number}"} for number, row in enumerate(rows, start=FIRST_NUMBER)]
