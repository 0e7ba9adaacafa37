"""A payout with one failed line, in a real browser: two managers, treasury's file down and up, wide and narrow."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from claims.models import PayoutBatch
from tests.browser.test_desk import fits, sign_in
from tests.claims.payouts import Desk, owed, payments

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/staff/claims/payoutbatch/"


@pytest.fixture
def desk(transactional_db, tmp_path):
    return Desk("carla", "dora", tmp_path=tmp_path)


def answered(file: Path) -> None:
    """Treasury fills in the file that it got: everything is paid but the third line."""
    with file.open() as text:
        rows = list(csv.DictReader(text))
    for number, row in enumerate(rows, start=1):
        said = {"status": "failed", "reason": "account closed"} if number == 3 else {"status": "paid"}
        row |= {"reference": "" if number == 3 else f"TX-{number}"} | said
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("width", [1400, 390])
def test_a_payout_with_one_failed_line(desk, page, tmp_path, width):
    page.set_viewport_size({"width": width, "height": 900})

    # Mia proposes everything that is owed; she may not release it.
    sign_in(page, "mia")
    page.goto(LIST)
    fits(page)
    page.get_by_role("link", name="Propose a payout").click()
    page.locator(".mg-total", has_text="111.00 USDT").wait_for()
    fits(page)
    page.get_by_role("button", name="Propose this payout").click()
    page.get_by_text("You proposed it: another manager looks at the lines and releases it.").wait_for()
    fits(page)
    batch = PayoutBatch.objects.get()
    assert page.get_by_role("button", name="Release", exact=True).count() == 0

    # Max sees count and total twice, types the wrong unit, then the right one.
    sign_in(page, "max")
    page.goto(batch.get_absolute_url())
    assert page.get_by_text("111.00 USDT").count() >= 2
    page.get_by_label("Type the total with its unit").fill("111 BTC")
    page.get_by_role("button", name="Release", exact=True).click()
    page.get_by_text(f"'111 BTC' is not the total of {batch}").wait_for()
    page.get_by_label("Type the total with its unit").fill("111 USDT")
    page.get_by_role("button", name="Release", exact=True).click()
    page.get_by_text("Released: treasury can have its file.").wait_for()

    # Treasury gets its file, and sends it back.
    file = tmp_path / "treasury.csv"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download for treasury (CSV)").click()
    download.value.save_as(file)
    answered(file)
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="See what it would do").click()
    page.get_by_role("region", name="treasury.csv").wait_for()
    fits(page)
    assert payments() == {}
    page.get_by_role("button", name="Confirm and post to the books").click()
    page.get_by_text("Taken over: 3 paid and posted, 1 failed.").wait_for()
    fits(page)

    # So it is written, and what failed is owed again.
    assert (len(payments()), owed(), PayoutBatch.objects.get().status) == (3, Decimal("35.50"), "settled")
    page.get_by_role("link", name=f"{desk.claims['dora']}", exact=True).first.click()
    page.get_by_role("region", name="Paid out").wait_for()
    assert "owed again" in page.get_by_role("region", name="Paid out").inner_text()
    assert "account closed" in page.get_by_role("region", name="Paid out").inner_text()
    fits(page)
