"""One claim on one screen: everything with its why, and only the buttons that are allowed now."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from claims import workflow
from claims.models import Award, Bonus, Claim, Decision, Verdict
from tests import factories as f
from tests.claims.desk import outage, page_of, post, signed_in, text_of, usdt

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def aude():
    return f.staff("aude", "auditor")


def assessed(*orders, incident=None, **fields):
    """Carla's claim with these orders, checked."""
    incident = incident or outage()
    for order_id, facts in orders or [("O-1", {})]:
        f.order(order_id, **facts)
    claim = f.claim(incident, **fields)
    workflow.assess_now(incident, now=f.NOW)
    return Claim.objects.get(pk=claim.pk)


# --- what it shows


def test_the_amount_is_written_out(ana):
    claim = assessed(("O-1", {"closed_at": f.at("15:45"), "close_reason": "user", "exit_price": "16501.20"}))
    page = text_of(signed_in(ana).get(page_of(claim)))
    assert "long 0.5 × (16,571.00 − 16,501.20) = 34.90 USDT" in page
    assert "from the quote of 2022-11-16 14:34:20 UTC : bid 16,571.00 , ask 16,571.10" in page


def test_a_short_an_inverse_order_and_the_cover_are_written_out_too(ana):
    incident = outage()
    f.instrument("BTCUSD", margin="inverse")
    f.quotes("BTCUSD", ("14:34:20", "16560", "16561"))
    short = {
        "side": "short",
        "entry_price": "16300",
        "exit_price": "16590.4",
        "closed_at": f.at("15:59"),
        "close_reason": "user",
    }
    inverse = {"symbol": "BTCUSD", "quantity": "5000", "exit_price": "16450.5", "bankruptcy_cover": "0.0001"}
    claim = assessed(("O-1", short), ("O-2", inverse), incident=incident)
    page = text_of(signed_in(ana).get(page_of(claim)))
    assert "short 0.5 × (16,590.40 − 16,411.10) = 89.65 USDT" in page
    paid = Verdict.objects.get(order__order_id="O-2").amount
    assert "long (5,000 × 1 × (16,560.00 − 16,450.50) ÷ (16,560.00 × 16,450.50) − 0.0001 cover) =" in page
    assert f"= {paid.normalize():f} BTC" in page


def test_every_clause_is_true_or_false_in_its_published_words(ana):
    claim = assessed(("O-1", {"take_profit": "17000"}))
    words = {clause.code: clause.text["en"] for clause in claim.assessment.policy.terms.clauses}
    page = text_of(signed_in(ana).get(page_of(claim)))
    assert f"✓ true E3 {words['E3']} (excludes)" in page
    assert f"✓ true C1 {words['C1']} (pays)" in page
    assert f"✗ false E4 {words['E4']} (excludes)" in page


def test_the_words_are_chinese_for_who_reads_chinese(ana):
    claim = assessed()
    words = next(clause.text for clause in claim.assessment.policy.terms.clauses if clause.code == "C1")
    desk = signed_in(ana)
    desk.cookies["django_language"] = "zh-hans"
    page = text_of(desk.get(page_of(claim)))
    assert f"✓ 成立 C1 {words['zh']} (赔付, 判定依据)" in page
    assert words["en"] not in page


def test_an_order_named_that_is_unknown_or_a_strangers_is_pointed_out(ana):
    incident = outage()
    f.order("O-9", "eve")
    claim = assessed(("O-1", {}), incident=incident)
    claim.contacts.update(order_ids=["O-1", "O-9", "O-404"], account="eve-1")
    page = text_of(signed_in(ana).get(page_of(claim)))
    assert "Order O-404 is not among the imported orders." in page
    assert "Order O-9 belongs to another customer." in page
    assert "Account eve-1 is not one of this customer's." in page
    assert "Order O-1 " not in page


def test_a_claim_that_is_not_checked_yet_says_what_happens_next(ana):
    page = text_of(signed_in(ana).get(page_of(f.claim(outage()))))
    assert "Not checked yet." in page
    assert "No screenshot or screen recording yet." in page


def test_the_page_of_a_claim_with_a_hundred_orders_asks_seventeen_questions_as_one_with_a_single_order_does(mia):
    claim = assessed(*((f"O-{number}", {}) for number in range(100)))
    f.evidence(claim)
    desk = signed_in(mia)
    with CaptureQueriesContext(connection) as asked:
        page = desk.get(page_of(claim))
    assert text_of(page).count("35.50 USDT") >= 100
    assert len(asked) == 17


@pytest.mark.parametrize("address", ["incident/1", "1/claim", "９", "99999999999999999999", "0"])
def test_an_address_that_names_no_claim_is_not_found(ana, address):
    assert signed_in(ana).get(f"/staff/claims/claim/{address}/change/").status_code == 404


def test_what_a_customer_wrote_runs_nothing(ana):
    claim = assessed()
    claim.contacts.update(message="<script>alert(1)</script>")
    assert b"<script>alert" not in signed_in(ana).get(page_of(claim)).content


# --- what it lets people do


def test_the_agent_accepts_a_screenshot_and_the_manager_approves(ana, mia):
    incident = outage()
    late = {"closed_at": f.at("18:00"), "close_reason": "user", "exit_price": "16501.20"}
    claim = assessed(("O-1", late), incident=incident)
    shown = f.evidence(claim)
    done = post(
        signed_in(ana), "review", shown.pk, seen="received", verdict="accept", reason="503", revision=claim.revision
    )
    assert "Accepted; the claim is checked again." in text_of(done)
    workflow.assess_now(incident, now=f.NOW)
    claim.refresh_from_db()
    done = post(signed_in(mia), "approve", claim.pk, revision=claim.revision)
    assert "Approved: 34.90 USDT, posted to the books." in text_of(done)
    assert Award.objects.get().amount == Decimal("34.90")
    assert Award.objects.get().entry.reference in text_of(signed_in(mia).get(page_of(claim)))


def test_an_agent_has_no_button_to_decide_and_is_refused_without_it(ana):
    claim = assessed()
    assert "Approve" not in text_of(signed_in(ana).get(page_of(claim)))
    for verb in ("approve", "deny"):
        assert post(signed_in(ana), verb, claim.pk, revision=claim.revision, reason="x").status_code == 403
    assert not Decision.objects.exists()


def test_a_manager_is_told_why_they_may_not_approve_what_they_prepared(mia):
    claim = assessed(entered_by=mia)
    page = text_of(signed_in(mia).get(page_of(claim)))
    assert "mia prepared" in page
    assert "Approve and post" not in page
    assert "another person decides" in text_of(post(signed_in(mia), "approve", claim.pk, revision=claim.revision))
    assert not Decision.objects.exists()


def test_the_refusal_speaks_the_language_of_the_reader(mia):
    desk = signed_in(mia)
    desk.cookies["django_language"] = "zh-hans"
    claim = assessed(entered_by=mia)
    assert "须由其他人决定" in text_of(post(desk, "approve", claim.pk, revision=claim.revision))


@pytest.mark.parametrize("revision", ["stale", "", "x", "-1", "99999999999999999999"])
def test_a_page_that_is_out_of_date_decides_nothing(mia, revision):
    claim = assessed()
    shown = claim.revision - 1 if revision == "stale" else revision
    done = post(signed_in(mia), "approve", claim.pk, revision=shown)
    assert "was changed by somebody else a moment ago" in text_of(done)
    assert not Award.objects.exists()


def test_two_clicks_on_approve_pay_once(mia):
    claim = assessed()
    desk = signed_in(mia)
    post(desk, "approve", claim.pk, revision=claim.revision)
    post(desk, "approve", claim.pk, revision=claim.revision)
    assert [award.amount for award in Award.objects.all()] == [Decimal("35.50")]


def test_a_denial_needs_the_reason_that_the_customer_will_read(mia):
    claim = assessed(("O-1", {"take_profit": "17000"}))
    assert "Deny" in text_of(signed_in(mia).get(page_of(claim)))
    assert "a denial needs a reason" in text_of(
        post(signed_in(mia), "deny", claim.pk, revision=claim.revision, reason=" ")
    )
    post(signed_in(mia), "deny", claim.pk, revision=claim.revision, reason="It had a take profit (E3).")
    claim.refresh_from_db()
    assert claim.status == "denied"
    assert "It had a take profit (E3)." in text_of(signed_in(mia).get(page_of(claim)))


def test_a_review_of_what_somebody_reviewed_meanwhile_is_refused(ana):
    claim = assessed()
    shown = f.evidence(claim, status="rejected")
    done = post(
        signed_in(ana), "review", shown.pk, seen="received", verdict="accept", reason="x", revision=claim.revision
    )
    assert "reviewed by somebody else a moment ago" in text_of(done)
    shown.refresh_from_db()
    assert shown.status == "rejected"


def test_buttons_answer_to_a_post_alone(mia):
    claim = assessed()
    for verb in ("approve", "deny", "assess", "attach"):
        assert (
            signed_in(mia)
            .get(f"/staff/claims/claim/{claim.pk}/{verb if verb != 'attach' else 'evidence'}/")
            .status_code
            == 403
        )
    assert not Decision.objects.exists()


def test_an_auditor_reads_all_of_it_and_has_no_button(aude):
    claim = assessed()
    f.evidence(claim)
    page = signed_in(aude).get(page_of(claim))
    assert "35.50 USDT" in text_of(page)
    for button in ("Approve", "Deny", "Accept", "Check again", "Upload", "Next claim"):
        assert button not in text_of(page)


def test_a_bonus_stands_beside_the_decisions_with_its_entry(mia):
    claim = assessed()
    workflow.grant_bonuses(claim.incident, by=mia, now=f.NOW)
    page = text_of(signed_in(mia).get(page_of(claim)))
    assert "Goodwill bonus 20.00 USDT" in page
    assert Bonus.objects.get().entry.reference in page
    assert usdt("20") == {Bonus.objects.get().asset: Bonus.objects.get().amount}
