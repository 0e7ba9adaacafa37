"""A price where no quote is usable: Max enters it with its source, Mia looks it up and confirms it."""

from decimal import Decimal

import pytest

from claims import workflow
from claims.gate import Refused
from claims.models import Claim, GivenPrice
from tests import factories as make
from tests.claims.desk import signed_in, text_of
from tests.factories import NOW, at
from tests.together import Person, held, wait_for_waiting

pytestmark = pytest.mark.django_db
SOURCE = "Reuters closing fix, page 3 of the attached sheet"


class Desk:
    """An outage in which no quote came, and the claims of two customers who were liquidated in it."""

    def __init__(self):
        self.incident = make.incident()
        self.ana, self.mia, self.max = (
            make.staff("ana", "agent"), make.staff("mia", "manager"), make.staff("max", "manager"),
        )  # fmt: skip
        self.carla, self.dora = make.claim(self.incident), make.claim(self.incident, "dora")
        make.order("1001")
        make.order("1002", "dora", symbol="ETHUSDT")
        workflow.assess_now(self.incident, now=NOW)

    def entered(self, symbol: str = "BTCUSDT", **facts) -> GivenPrice:
        facts = {"bid": Decimal("16571"), "ask": Decimal("16571.1"), "at": at("14:34:20"), "source": SOURCE} | facts
        return workflow.enter_price(self.incident, make.instrument(symbol), **({"by": self.max, "now": NOW} | facts))

    def confirmed(self, symbol: str = "BTCUSDT", **facts) -> GivenPrice:
        return workflow.confirm_price(self.entered(symbol, **facts), by=self.mia, now=NOW)


@pytest.fixture
def desk(db) -> Desk:
    return Desk()


def again(row):
    return type(row).objects.get(pk=row.pk)


def only(claim: Claim):
    return again(claim).verdicts.in_force().get()


def test_an_order_without_a_usable_quote_waits_and_what_two_managers_gave_prices_it(desk):
    assert (again(desk.carla).status, only(desk.carla).outcome) == ("on_hold", "needs_price")
    price = desk.confirmed()
    assert (price.entered_by, price.confirmed_by, price.confirmed_at) == (desk.max, desk.mia, NOW)
    assert (again(desk.carla).status, again(desk.dora).status) == ("submitted", "on_hold")
    workflow.assess_now(desk.incident, now=NOW)
    verdict = only(desk.carla)
    assert (verdict.outcome, verdict.amount, verdict.reference_price) == ("pay", Decimal("35.50"), Decimal("16571"))
    assert (verdict.reference_at, verdict.quote) == (at("14:34:20"), None)
    page = text_of(signed_in(desk.ana).get(f"/staff/claims/claim/{desk.carla.pk}/change/"))
    assert "16,571.00 given by hand, by two people, for 2022-11-16 14:34:20 UTC" in page


def test_a_price_that_nobody_confirmed_prices_nothing(desk):
    desk.entered()
    assert again(desk.carla).status == "on_hold"
    workflow.assess_now(desk.incident, now=NOW)
    assert only(desk.carla).outcome == "needs_price"


def test_who_entered_it_does_not_confirm_it(desk):
    price = desk.entered()
    with pytest.raises(Refused, match="Who entered a price does not confirm it"):
        workflow.confirm_price(price, by=desk.max, now=NOW)
    assert again(price).confirmed_at is None


def test_a_withdrawn_price_prices_nothing_and_what_stood_on_it_is_assessed_again(desk):
    price = desk.confirmed()
    workflow.assess_now(desk.incident, now=NOW)
    withdrawn = workflow.withdraw_price(price, by=desk.mia, now=NOW)
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_at) == (desk.mia, NOW)
    assert (again(desk.carla).status, again(desk.dora).status) == ("submitted", "on_hold")
    workflow.assess_now(desk.incident, now=NOW)
    assert only(desk.carla).outcome == "needs_price"


def test_a_withdrawn_price_cannot_be_confirmed_or_withdrawn_again_but_another_one_entered(desk):
    price = desk.entered()
    workflow.withdraw_price(price, by=desk.max, now=NOW)
    with pytest.raises(Refused, match="confirmed or withdrew this price a moment ago"):
        workflow.confirm_price(price, by=desk.mia, now=NOW)
    with pytest.raises(Refused, match="Somebody else withdrew"):
        workflow.withdraw_price(price, by=desk.mia, now=NOW)
    assert desk.entered(bid=Decimal("16570")).bid == Decimal("16570")


def test_one_price_stands_for_an_instrument(desk):
    desk.entered()
    with pytest.raises(Refused, match="There is a price by hand for this instrument already"):
        desk.entered(by=desk.mia)
    assert GivenPrice.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"source": "  "}, "Say where the price comes from"),
        ({"bid": Decimal(0)}, "A bid is more than 0"),
        ({"bid": Decimal("16572")}, "an ask is not below the bid"),
        ({"at": at("09:00:01", day=18)}, "was to be had in the past"),
    ],
)
def test_a_price_is_refused_with_words(desk, facts, refusal):
    with pytest.raises(Refused, match=refusal):
        desk.entered(**facts)
    assert not GivenPrice.objects.exists()


def test_a_price_is_for_an_instrument_of_the_incident(desk):
    type(desk.incident).objects.update(instruments=["BTCUSDT"])
    desk.incident.refresh_from_db()
    with pytest.raises(Refused, match="ETHUSDT is not an instrument of this incident"):
        desk.entered("ETHUSDT")


def test_agents_neither_enter_nor_confirm_nor_withdraw(desk):
    price = desk.entered()
    for verb in (workflow.confirm_price, workflow.withdraw_price):
        with pytest.raises(Refused, match="ana has not the permission"):
            verb(price, by=desk.ana, now=NOW)
    with pytest.raises(Refused, match="ana has not the permission claims.enter_price"):
        desk.entered("ETHUSDT", by=desk.ana)


def test_what_was_granted_stays_granted_when_the_price_is_withdrawn(desk):
    price = desk.confirmed()
    workflow.assess_now(desk.incident, now=NOW)
    workflow.approve(again(desk.carla), by=desk.mia, now=NOW)
    workflow.withdraw_price(price, by=desk.mia, now=NOW)
    assert again(desk.carla).awards.get().amount == Decimal("35.50")


# --- at the same moment


@pytest.mark.django_db(transaction=True)
def test_two_confirm_at_the_same_moment_and_one_is_told():
    desk = Desk()
    nina, price = make.staff("nina", "manager"), desk.entered()
    with held("claims_givenprice"):
        people = [Person(lambda by=by: workflow.confirm_price(price, by=by, now=NOW)) for by in (desk.mia, nina)]
        wait_for_waiting(2)
    answers = [person.finished() for person in people]
    [refusal] = [answer for answer in answers if isinstance(answer, Refused)]
    assert "confirmed or withdrew this price a moment ago" in str(refusal)
    assert again(price).confirmed_by in (desk.mia, nina)


@pytest.mark.django_db(transaction=True)
def test_one_confirms_while_another_withdraws_and_one_is_told():
    desk = Desk()
    price = desk.entered()
    with held("claims_givenprice"):
        mia = Person(lambda: workflow.confirm_price(price, by=desk.mia, now=NOW))
        wait_for_waiting(1)
        max = Person(lambda: workflow.withdraw_price(price, by=desk.max, now=NOW))
        wait_for_waiting(2)
    answers = [mia.finished(), max.finished()]
    found = again(price)
    assert (
        found.withdrawn_at == NOW
    )  # whoever came first: a confirmed price may be withdrawn, a withdrawn one not confirmed
    assert [type(answer) for answer in answers] in ([GivenPrice, GivenPrice], [Refused, GivenPrice])
    assert (found.confirmed_at is None) == isinstance(answers[0], Refused)


# --- on screen


PAGE = "/staff/claims/claim/desk/INC-2022-001/prices/"
FORM = {"bid": "16571", "ask": "16571.1", "at": "2022-11-16 14:34:20", "source": SOURCE}


def test_max_enters_and_mia_confirms_on_the_page(desk):
    max, mia = signed_in(desk.max), signed_in(desk.mia)
    page = text_of(max.get(PAGE))
    assert "Instruments that lack a price (2)" in page
    page = text_of(max.post(PAGE, FORM | {"instrument": make.instrument("BTCUSDT").pk}, follow=True))
    assert "Entered; another manager is to look it up and confirm it." in page
    assert "You entered it: another manager confirms it." in page
    price = GivenPrice.objects.get()
    assert (price.bid, price.ask, price.at, price.source) == (
        Decimal("16571"), Decimal("16571.1"), at("14:34:20"), SOURCE,
    )  # fmt: skip
    assert SOURCE in text_of(mia.get(PAGE))
    page = text_of(mia.post(f"{PAGE}{price.pk}/confirm/", follow=True))
    assert "the claims that wait for it are assessed within a minute" in page
    assert again(desk.carla).status == "submitted"
    page = text_of(max.post(f"{PAGE}{price.pk}/withdraw/", follow=True))
    assert "it prices nothing any more" in page


def test_a_wrong_form_says_what_is_wrong_and_enters_nothing(desk):
    page = text_of(signed_in(desk.max).post(PAGE, FORM | {"instrument": "999", "bid": "1e", "at": "yesterday"}))
    assert "Select a valid choice" in page
    assert "Enter a number." in page
    assert "Enter a valid date/time." in page
    page = text_of(signed_in(desk.max).post(PAGE, FORM | {"instrument": make.instrument("BTCUSDT").pk, "bid": "17000"}))
    assert "an ask is not below the bid" in page
    assert not GivenPrice.objects.exists()


def test_an_agent_sees_what_lacks_a_price_and_no_button(desk):
    price, ana = desk.entered(), signed_in(desk.ana)
    page = ana.get(PAGE)
    assert "waits to be confirmed" in text_of(page)
    assert b'<button type="submit" class="mg-button' not in page.content.split(b'class="mg-page"')[1]
    answers = [ana.post(PAGE, FORM), *(ana.post(f"{PAGE}{price.pk}/{verb}/") for verb in ("confirm", "withdraw"))]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert signed_in(desk.mia).get(f"{PAGE}{price.pk}/confirm/").status_code == 403


def test_nobody_outside_sees_the_page(desk, client):
    assert client.get(PAGE).status_code == 302


def test_the_chart_behind_a_verdict_is_a_fragment_of_its_own(desk, django_assert_max_num_queries):
    make.quotes("BTCUSDT", ("14:34:20", "16571", "16571.1"))
    workflow.assess_now(desk.incident, now=NOW)
    client = signed_in(desk.ana)
    verdict = only(desk.carla)
    with django_assert_max_num_queries(8):
        page = client.get(f"/staff/claims/claim/verdict/{verdict.pk}/chart/")
    assert page.status_code == 200
    html = page.content.decode()
    assert f'data-chart="chart-{verdict.pk}"' in html
    assert '"label": "Reference price", "kind": "reference"' in html
    assert (
        f"/staff/claims/claim/verdict/{verdict.pk}/chart/"
        in client.get(f"/staff/claims/claim/{desk.carla.pk}/change/").content.decode()
    )


def test_a_stranger_gets_no_chart(desk, client):
    assert client.get(f"/staff/claims/claim/verdict/{only(desk.carla).pk}/chart/").status_code == 302
