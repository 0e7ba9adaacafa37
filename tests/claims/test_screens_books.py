"""From a balance to the very quote behind it, and back; which entries are an incident's; the button that verifies."""

from datetime import date
from decimal import Decimal

import pytest

from claims import origins, tasks, workflow
from claims.models import Award, Claim
from incidents.models import Liquidation
from jobs.models import Job
from ledger.models import Account, JournalEntry, Verification
from ledger.posting import post, reverse
from tests import factories as f
from tests.claims.desk import outage, signed_in, text_of
from tests.ledger.books import book

pytestmark = pytest.mark.django_db
BOOKS, JOURNAL, RUNS = "/staff/ledger/", "/staff/ledger/journalentry/", "/staff/ledger/verification/"
VERIFY = "/staff/claims/claim/verification/"


@pytest.fixture
def aude():
    return signed_in(f.staff("aude", "auditor"))


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def carla(mia) -> Claim:
    """Carla's claim: entered by Ana, approved by Mia, with its bonus; the seed paid in by hand before."""
    book("seed_capital", "seed", "100 USDT", by=mia)
    incident = outage()
    f.order("O-1")
    claim = f.claim(incident, entered_by=f.staff("ana", "agent"))
    workflow.assess_now(incident, now=f.NOW)
    claim.refresh_from_db()
    workflow.approve(claim, by=mia, now=f.NOW)
    workflow.grant_bonuses(incident, by=mia, now=f.NOW)
    return claim


def entry(reference: str) -> JournalEntry:
    return JournalEntry.objects.get(reference=reference)


def behind(row: JournalEntry) -> str:
    return f"/staff/claims/claim/entries/{row.pk}/"


def follow(client, page, address: str):
    """Click the link that leads there: it must be on the page."""
    assert f'"{address}"' in page.content.decode(), f"no link to {address}"
    return client.get(address)


def test_three_clicks_lead_from_a_balance_to_the_very_quote_and_who_decided(aude, carla):
    award = Award.objects.get()
    payable = Account.objects.get(name="Liabilities:Payable:Compensation", asset="USDT")
    accounts = aude.get(f"{BOOKS}account/")
    statement = follow(aude, accounts, f"{BOOKS}account/{payable.pk}/change/")
    of_entry = follow(aude, statement, f"{JOURNAL}{award.entry_id}/change/")
    origin = follow(aude, of_entry, behind(award.entry))
    seen = text_of(origin)
    verdict = award.compensations.get().verdict
    assert carla.reference in seen
    assert "to pay C1 16,571.00 2022-11-16 14:34:20 UTC bid 16,571.00 , ask 16,571.10 35.50 USDT" in seen
    assert "prepared by ana" in seen
    assert "approved by mia" in seen
    for address in (
        f"/staff/claims/claim/{carla.pk}/change/",
        f"/staff/claims/verdict/{verdict.pk}/change/",
        f"/staff/incidents/quote/{verdict.quote_id}/change/",
        f"/staff/claims/decision/{award.decision_id}/change/",
        f"{JOURNAL}{award.entry_id}/change/",  # and back
        f"{JOURNAL}{carla.bonus.entry_id}/change/",
    ):
        assert follow(aude, origin, address).status_code == 200


def test_a_bonus_comes_from_a_contact_and_who_granted_it(aude, carla):
    seen = text_of(aude.get(behind(carla.bonus.entry)))
    assert "in touch chat 2022-11-16 15:00:00 UTC" in seen
    assert "granted by mia" in seen
    assert "20.00 USDT" in seen


def test_what_a_person_wrote_names_the_person(aude, carla):
    assert "posted by hand by mia" in text_of(aude.get(behind(entry("seed"))))
    book("seed_capital", "at-the-console", "1 USDT")
    assert "the operator, at the console" in text_of(aude.get(behind(entry("at-the-console"))))


@pytest.mark.parametrize(
    ("margin", "formula"),
    [("linear", "price × quantity × rate = 16,500.00 × 0.5 × 0.01"), ("inverse", "quantity × rate = 0.5 × 0.01")],
    ids=["linear", "inverse"],
)
def test_a_fee_comes_from_its_liquidation_with_the_formula_beside_it(aude, margin, formula):
    instrument = f.instrument("BTCUSD", margin=margin)
    Liquidation.objects.create(
        liquidation_id="7001", instrument=instrument, price=Decimal(16500), quantity=Decimal("0.5"), fee=Decimal("82.50"),
        liquidated_at=f.at("14:20"),
    )  # fmt: skip
    book("liquidation_fee", "LIQ-7001", "82.50 USDT")
    seen = text_of(aude.get(behind(entry("LIQ-7001"))))
    assert formula in seen
    assert ("by the formula: 0.005 BTC" in seen) == (margin == "inverse")


def test_a_cover_and_its_top_up_lead_to_the_liquidation(aude):
    Liquidation.objects.create(
        liquidation_id="7002", instrument=f.instrument(), price=Decimal(16500), quantity=Decimal(1), fee=Decimal(0),
        bankruptcy_cover=Decimal("12.5"), liquidated_at=f.at("14:20"),
    )  # fmt: skip
    book("bankruptcy_cover", "LIQ-7002/cover", "12.50 USDT")
    cover, topup = entry("LIQ-7002/cover"), entry("LIQ-7002/cover/topup-USDT")
    assert "bankruptcy cover 12.50 USDT" in text_of(aude.get(behind(cover)))
    page = aude.get(behind(topup))
    assert "The company brought what the fund would have lacked" in text_of(page)
    assert follow(aude, page, f"{JOURNAL}{cover.pk}/change/").status_code == 200


def test_a_reversal_shows_what_it_undoes_and_where_that_came_from(aude, carla, mia):
    award = Award.objects.get().entry
    made = reverse(award.reference, new_reference="undo", description="In error", effective_on=date(2022, 11, 20))
    post([made], by=mia, now=f.NOW)
    page = aude.get(behind(entry("undo")))
    assert f"It reverses {award.reference}" in text_of(page)
    assert "approved by mia" in text_of(page)


def test_the_page_behind_an_award_asks_few_questions(aude, carla, django_assert_max_num_queries):
    with django_assert_max_num_queries(16):
        aude.get(behind(Award.objects.get().entry))


def test_nobody_without_the_books_sees_where_an_entry_comes_from(carla):
    ana = signed_in(f.User.objects.get(username="ana"))
    assert ana.get(behind(entry("seed"))).status_code == 403
    assert signed_in(f.staff("aude", "auditor")).get("/staff/claims/claim/entries/0/").status_code == 404


# --- the journal's filters that the claims lend


def listed(client, **filters) -> set[str]:
    return {row.reference for row in client.get(JOURNAL, filters).context_data["cl"].result_list}


def test_an_incidents_entries_are_its_awards_and_bonuses_their_top_ups_and_reversals(aude, mia):
    incident = outage()
    f.order("O-1")
    claim = f.claim(incident)
    workflow.assess_now(incident, now=f.NOW)
    claim.refresh_from_db()
    workflow.approve(claim, by=mia, now=f.NOW)
    workflow.grant_bonuses(incident, by=mia, now=f.NOW)
    award = f"{claim.reference}/award-1/USDT"
    post(
        [reverse(award, new_reference="undo", description="In error", effective_on=date(2022, 11, 20))],
        by=mia,
        now=f.NOW,
    )
    book("liquidation_fee", "LIQ-1", "1 USDT")
    bonus = f"{claim.reference}/goodwill"
    assert listed(aude, incident=incident.pk) == {award, f"{award}/topup-USDT", bonus, f"{bonus}/topup-USDT", "undo"}
    other = f.incident("INC-2022-002", policy=None)
    assert listed(aude, incident=other.pk) == set()


def test_entries_by_hand_are_told_from_those_that_follow_from_something(aude, carla, mia):
    book("liquidation_fee", "LIQ-1", "1 USDT", by=mia)
    book("bankruptcy_cover", "LIQ-1/cover", "500 USDT", by=mia)
    assert listed(aude, posted="hand") == {"seed"}
    everything = set(JournalEntry.objects.values_list("reference", flat=True))
    assert "LIQ-1/cover/topup-USDT" in everything
    assert listed(aude, posted="automatic") == everything - {"seed"}
    assert set(JournalEntry.objects.filter(origins.by_hand()).values_list("reference", flat=True)) == {"seed"}


# --- the button


def test_an_auditor_has_the_books_verified_by_a_worker_and_sees_the_answer(aude, carla):
    assert "never verified" in text_of(aude.get(RUNS))
    assert VERIFY in aude.get(RUNS).content.decode()
    assert "Verify now" in text_of(aude.get(VERIFY))
    asked = aude.post(VERIFY, follow=True)
    assert "a worker verifies the books" in text_of(asked)
    assert not Verification.objects.exists()
    going = aude.get(VERIFY)
    assert 'hx-trigger="every 2s"' in going.content.decode()
    assert "Verify now" not in text_of(going)
    aude.post(VERIFY)
    job = Job.objects.get()  # asked twice, done once
    tasks.verify(job.pk)
    ended = aude.get(f"{VERIFY}?waited=1")
    assert (ended.status_code, "data-reload" in ended.content.decode()) == (286, True)
    run = Verification.objects.get()
    assert (run.ok, run.asked_by.username) == (True, "aude")
    seen = text_of(aude.get(RUNS))
    assert "The books no problem" in seen
    assert "checked 3 entries , 3 transfers , 0 seals" in seen


def test_who_may_not_ask_is_refused(carla):
    ana = signed_in(f.User.objects.get(username="ana"))
    assert [ana.get(VERIFY).status_code, ana.post(VERIFY).status_code] == [403, 403]
    assert not Job.objects.exists()
