"""The page that answers "why was I liquidated?": the form, its errors, the answer, the letters; and the ratios behind it."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation

from claims import workflow as workflow_of_claims
from incidents import account_file, replays, workflow
from incidents.letter import letter
from incidents.models import LiquidationRatio
from tests import factories as make
from tests.claims.desk import page_of, signed_in, text_of
from tests.factories import NOW, at
from tests.incidents.test_replay_liquidation import CARLAS, HEAD, POSITION

pytestmark = pytest.mark.django_db
PAGE = "/staff/incidents/liquidationratio/explain/"
CARLA = {
    "account": "A1",
    "asset": "USDT",
    "wallet": "394.00",
    "ratio": "0.40",
    "starts": "2022-11-16 14:09:00",
    "ends": "2022-11-16 15:30:00",
    "open_orders": "",
    "symbol": "BTCUSDT",
    "side": "long",
    "quantity": "0.5",
    "entry_price": "16950",
    "used_margin": "423.75",
    "do": "replay",
}


@pytest.fixture
def ana():
    make.instrument("BTCUSD", margin="inverse", contract_value="100")
    make.quotes("BTCUSDT", ("14:10", "16501", "16505"), ("14:20:00.5", "16500", "16504"), ("14:30", "16300", "16301"))
    return signed_in(make.staff("ana", "agent"))


def charts_of(page) -> list[dict]:
    found = re.findall(r'<script id="chart-\d+" type="application/json">(.*?)</script>', page.content.decode())
    return [json.loads(each) for each in found]


@pytest.mark.parametrize("role", ["agent", "manager", "auditor"])
def test_each_role_opens_the_page_from_the_sidebar(role):
    desk = signed_in(make.staff("somebody", role))
    assert f'href="{PAGE}"' in desk.get("/staff/").content.decode()
    assert desk.get(PAGE).status_code == 200


def test_who_has_no_role_may_not(django_user_model):
    nina = django_user_model.objects.create_user("nina", is_staff=True)
    assert signed_in(nina).get(PAGE).status_code == 403


def test_ana_reads_when_at_which_quote_and_why(ana):
    page = ana.post(PAGE, CARLA)
    text = text_of(page)
    assert "One position was liquidated" in text
    assert "2022-11-16 14:20:00.5 UTC" in text
    assert "at the bid 16,500.00 , realised PnL −225.00 USDT" in text
    assert "bid 16,500.00 , ask 16,504.00 , mid 16,502.00" in text
    assert "equity 169.00 USDT &lt; required 169.50 USDT = 40 % × 423.75 USDT" in text
    assert "at mid prices 170.00 USDT would have sufficed; mid prices trigger nothing" in text
    assert "16,501.00 16,162.00" in text  # by the formula
    [chart] = charts_of(page)
    assert chart["series"]["bid"] == ["16501", "16500"]  # from 14:09 to five minutes after
    assert [(mark["price"], mark["kind"]) for mark in chart["marks"]] == [("16500", "event")]
    assert [line["price"] for line in chart["lines"]] == ["16501"]


def test_the_outage_is_shaded_on_the_chart_as_far_as_it_is_shown(ana):
    make.incident(windows=(("14:15", "16:00"),), policy=None)
    [chart] = charts_of(ana.post(PAGE, CARLA))
    assert chart["windows"] == [[at("14:15").timestamp() * 1000, at("14:25:00.5").timestamp() * 1000]]


def test_without_a_liquidation_the_chart_shows_where_the_account_was_nearest_to_one(ana):
    make.quotes("BTCUSDT", ("05:00", "16900", "16901"), ("06:00", "16600", "16601"), ("07:00:01", "16800", "16801"))
    page = ana.post(PAGE, CARLA | {"starts": "2022-11-16 04:00", "ends": "2022-11-16 14:00"})
    assert "By these quotes nothing was liquidated" in text_of(page)
    [chart] = charts_of(page)
    assert chart["series"]["bid"] == ["16900", "16600"]
    assert [line["price"] for line in chart["lines"]] == ["16501"]


def test_the_customer_reads_that_the_mid_never_touched_their_price(ana):
    text = text_of(ana.post(PAGE, CARLA))
    assert (
        "Your long position of 0.5 BTCUSDT in account A1 was closed by forced liquidation at 2022-11-16 14:20:00.5 UTC, "
        "at a price of 16,500.00."
    ) in text
    assert "a long position is watched and settled at the best bid" in text
    assert (
        "The liquidation price of this position was 16,501.00. The bid was below it, while the mid on the chart was 16,502.00 "
        "and had never been below it (lowest mid until then: 16,502.00)."
    ) in text
    assert (
        "您在账户 A1 中的 BTCUSDT 多头仓位（数量 0.5）已于 2022-11-16 14:20:00.5 UTC 被强制平仓，平仓价为 16,500.00。"
        in text
    )


def test_nothing_that_was_typed_is_lost_when_something_is_wrong(ana):
    page = ana.post(PAGE, CARLA | {"wallet": "16,950", "quantity": "", "account": "A & B"})
    html = page.content.decode()
    assert 'value="16,950"' in html and 'value="A &amp; B"' in html and 'value="16950"' in html
    text = text_of(page)
    assert "is '16,950'; expected a decimal number of up to 16 digits" in text
    assert "is missing" in text
    assert "Nothing that you typed is lost." in text
    assert "was liquidated" not in text


def test_a_position_is_added_and_removed_without_losing_the_others(ana):
    two = CARLA | {
        "symbol": ["BTCUSDT", "BTCUSDT"],
        "side": ["long", "short"],
        "quantity": ["0.5", "0.7"],
        "entry_price": ["16950", "16960"],
        "used_margin": ["423.75", "500"],
    }
    more = ana.post(PAGE, two | {"do": "add"})
    assert more.content.decode().count('name="quantity"') == 3
    assert 'value="0.5"' in more.content.decode() and 'value="0.7"' in more.content.decode()
    less = ana.post(PAGE, two | {"do": "remove.1"}).content.decode()
    assert less.count('name="quantity"') == 1
    assert 'value="0.7"' in less and 'value="0.5"' not in less


def test_a_claims_liquidated_order_begins_the_form(ana):
    claim, order = make.claim(make.incident()), make.order("1001", closed_at=at("14:20:00.5"))
    workflow_of_claims.assess_now(claim.incident, now=NOW)
    link = f"{PAGE}?order={order.pk}"
    assert f'href="{link}"' in ana.get(page_of(claim)).content.decode()
    html = ana.get(link).content.decode()
    for value in ("carla-1", "2022-11-16 13:20:00.500000", "2022-11-16 14:21:00.500000", "0.5", "16950"):
        assert f'value="{value}"' in html
    assert '<option value="BTCUSDT" selected>' in html and '<option value="long" selected>' in html


@pytest.mark.parametrize("named", ["", "0", "x", "9" * 30, "²"])
def test_an_order_that_is_not_there_begins_an_empty_form(ana, named):
    assert ana.get(PAGE, {"order": named}).status_code == 200


@pytest.mark.parametrize("as_file", [True, False])
def test_the_account_comes_from_a_file_and_fills_the_form(ana, as_file):
    text = CARLAS.replace("394.50", "394.00")
    file = {"file": SimpleUploadedFile("account.toml", text.encode())} if as_file else {"text": text}
    page = ana.post(PAGE, {"do": "file"} | file)
    assert "One position was liquidated" in text_of(page)
    assert 'value="2022-11-16 14:09:00"' in page.content.decode() and 'value="394.00"' in page.content.decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wallet = ", "this is not TOML"),
        ("", "Choose a file or paste its text."),
        (HEAD, "positions are missing"),
        (CARLAS + "leverage = 20\n", "positions[1].leverage is an unknown key"),
        (CARLAS.replace("BTCUSDT", "NOPE"), "there is no such instrument"),
        (CARLAS + POSITION.replace("BTCUSDT", "BTCUSD"), "all positions of one account settle in its asset, USDT"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_on_the_page(ana, text, says):
    page = ana.post(PAGE, {"do": "file", "text": text})
    assert page.status_code == 200
    assert says in text_of(page)


def test_a_file_of_something_else_is_refused(ana):
    page = ana.post(PAGE, {"do": "file", "file": SimpleUploadedFile("photo.png", b"\x89PNG\xff")})
    assert "This file is not UTF-8 text." in text_of(page)


@pytest.mark.parametrize(
    "odd",
    [
        {"open_orders": "9" * 5000},
        {"open_orders": "x"},
        {"starts": "0001-01-01"},
        {"do": "remove." + "9" * 5000},
        {"account": "a\0b"},
    ],
)
def test_odd_input_is_answered_with_the_form(ana, odd):
    assert ana.post(PAGE, CARLA | odd).status_code == 200
    assert ana.post(PAGE, {"do": "replay"}).status_code == 200


# --- the letter


def told(text: str, language: str = "en") -> str:
    with translation.override(language):
        return letter(replays.explain(account_file.read(text)))


def test_the_letter_tells_that_the_fund_bears_a_shortfall():
    make.quotes("BTCUSDT", ("14:20", "16000", "16001"))
    text = told(CARLAS + "", "en")
    assert (
        "After that the account stood at −80.50 USDT. The insurance fund bears this shortfall in full: you owe nothing."
        in text
    )
    assert "At the mid prices of the chart it would have been below as well: −80.25 USDT." in text


def test_the_letter_lists_several_positions_in_their_order():
    make.instrument("ETHUSDT")
    make.quotes("BTCUSDT", ("14:15", "16600", "16601"))
    make.quotes("ETHUSDT", ("14:14", "1200", "1201"), ("14:20", "1000", "1001"))
    ether = (
        POSITION.replace("BTCUSDT", "ETHUSDT").replace("16950", "1200").replace('"0.5"', '"1"').replace("423.75", "60")
    )
    text = told(HEAD + "open_orders = 1\n" + POSITION + ether)
    assert "2 positions were closed by forced liquidation, the first at 2022-11-16 14:20:00 UTC" in text
    assert "1. 2022-11-16 14:20:00 UTC: long position of 1 ETHUSDT at 1,000.00, realised PnL −200.00 USDT" in text
    assert "1 open order was cancelled first." in text


def test_who_was_not_liquidated_is_told_so():
    make.quotes("BTCUSDT", ("14:20", "16600", "16601"))
    assert told(CARLAS).startswith(
        "From 2022-11-16 14:09:00 UTC to 2022-11-16 15:30:00 UTC no quote brought account A1 below its required margin"
    )


# --- the ratios

NEW = {
    "effective_at_0": "2026-12-01",
    "effective_at_1": "00:00:00",
    "ratio": "0.45",
    "source": "Notice of 20 November 2026",
}
ADD = "/staff/incidents/liquidationratio/add/"


def test_a_manager_enters_a_ratio_with_its_source():
    mia = signed_in(make.staff("mia", "manager"))
    assert mia.post(ADD, NEW).status_code == 302
    assert LiquidationRatio.objects.filter(ratio="0.45", source="Notice of 20 November 2026").count() == 1
    again = mia.post(ADD, NEW)
    assert again.status_code == 200
    assert "already exists" in text_of(again)
    assert mia.post(ADD, NEW | {"effective_at_0": "2026-12-02", "source": ""}).status_code == 200
    assert mia.post(ADD, NEW | {"effective_at_0": "2026-12-02", "ratio": "45"}).status_code == 200
    assert LiquidationRatio.objects.count() == 4


def test_no_one_else_does_and_nobody_changes_one():
    row = LiquidationRatio.objects.first()
    change = reverse("admin:incidents_liquidationratio_change", args=[row.pk])
    for role in ("agent", "auditor"):
        desk = signed_in(make.staff(f"a {role}", role))
        assert desk.post(ADD, NEW).status_code == 403
        assert desk.get(change).status_code == 200
    assert signed_in(make.staff("mia", "manager")).post(change, NEW).status_code == 403
    with pytest.raises(workflow.Refused):
        workflow.enter_ratio(ratio=row.ratio, effective_at=at("10:00"), source="x", by=make.staff("ana", "agent"))
    assert LiquidationRatio.objects.count() == 3


def test_the_list_says_since_when_and_where_it_is_announced():
    text = text_of(signed_in(make.staff("aude", "auditor")).get("/staff/incidents/liquidationratio/"))
    assert "2023-11-03 00:00:00 UTC 30 %" in text
