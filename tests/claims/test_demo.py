"""The demo: the S1 case from one command, with work left for everybody."""

import json
import stat
from collections import Counter
from decimal import Decimal
from itertools import chain

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection

from claims.demo import files, quotes
from claims.demo.quotes import END, START, at
from claims.management import sign_ins
from claims.models import Assessment, Award, Bonus, Claim, Contact, Decision, Evidence, Verdict
from incidents.models import Order, Quote
from jobs.models import Job
from tests import factories as make
from tests.console import done, portal

OUTAGE, STALL = "INC-2022-001", "INC-2022-002"


@pytest.fixture(autouse=True)
def var_dir(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    return settings.VAR_DIR


# --- the command


@pytest.mark.django_db
def test_the_demo_reaches_every_outcome_and_a_second_run_changes_nothing(var_dir):
    a_first_run_is_broken_off_early(var_dir)
    loaded = done("demo")
    assert (loaded["loaded"], loaded["incident"], loaded["claims"]) == (True, OUTAGE, Claim.objects.count())
    every_outcome_clause_and_status_is_there()
    every_exclusion_is_there()
    the_best_prices_are_the_public_figures()
    the_seconds_of_the_notice_decide()
    there_is_work_for_everybody()
    the_staff_can_sign_in(loaded["sign_ins"])
    assert done("verify_ledger")["ok"] is True

    before = rows()
    again = done("demo")
    assert again == loaded | {"loaded": False}
    assert rows() == before


def a_first_run_is_broken_off_early(var_dir):
    """After the first incident is declared; the next run goes on."""
    sign_ins.passwords(var_dir / "demo-sign-ins.json")
    (var_dir / "outage.toml").write_text(files.TEXTS["outage.toml"])
    done("declare_incident", var_dir / "outage.toml", "--publish", "--by", "mia")


def verdicts(incident: str = OUTAGE):
    return Verdict.objects.in_force().filter(claim__incident__reference=incident)


def every_outcome_clause_and_status_is_there():
    assert set(verdicts().values_list("outcome", "clause")) == {
        *((outcome, clause) for outcome in ("pay", "nil") for clause in ("C1", "C2", "C3")),
        ("needs_price", "C1"),
        ("needs_price", "C2"),
        ("needs_evidence", "C3"),
        ("no_clause", ""),
        ("excluded", ""),
    }
    assert set(verdicts(STALL).values_list("outcome", flat=True)) == {"hold"}
    assert set(Claim.objects.values_list("status", flat=True)) == set(Claim.Status.values) - {"withdrawn"}
    assert set(verdicts().filter(outcome="needs_price").values_list("order__instrument__symbol", flat=True)) == {
        "DOGEUSDT"
    }
    assert set(verdicts().payable().values_list("asset", flat=True)) == {"USDT", "BTC"}
    assert verdicts().filter(flags=["tpsl_after_end"], reasons=["E3"]).exists()
    assert verdicts().filter(outcome="nil", order__bankruptcy_cover__gt=0).exists()
    assert Order.objects.filter(leg="2").count() == 2


def every_exclusion_is_there():
    """Alone and together; E1 never comes alone: what is closed before the outage is not open in it (E6)."""
    found = {" ".join(reasons) for reasons in verdicts().values_list("reasons", flat=True)}
    assert found >= {"E1 E6", "E2", "E3", "E4", "E5", "E6", "E3 E4", "E2 E5", "E3 E5", "E4 E5", "E1 E4 E6", "E1 E5 E6"}


def the_best_prices_are_the_public_figures():
    """For whoever held a position all through the outage."""
    whole = verdicts().filter(order__instrument__symbol="BTCUSDT", order__opened_at__lt=START)
    prices = set(whole.exclude(reference_price=None).values_list("order__side", "reference_price"))
    assert prices == {("long", Decimal("16571.00")), ("short", Decimal("16411.10"))}


def the_seconds_of_the_notice_decide():
    edges = verdicts().filter(order__customer__code__lte="C-10005", order__instrument__symbol="BTCUSDT")

    def answers(closed_at, **order) -> set[tuple]:
        """Outcomes that pay or give nothing count as covered by their clause."""
        found = edges.filter(order__closed_at=closed_at, **{f"order__{name}": value for name, value in order.items()})
        return {verdict.clause or " ".join(verdict.reasons) for verdict in found}

    assert answers(at("14:08:59.999")) == {"E1 E6"}
    assert answers(at("14:09")) == answers(at("14:09:00.001")) == {"C1"}
    assert answers(END, close_reason="liquidation") == {"C1"}
    assert answers(END, close_reason="user") == {"C2"}
    assert answers(at("16:30")) == {"C2"}
    assert answers(at("16:30:00.001")) == {"C3"}
    assert answers(at("15:30", 17)) == {"C3"}
    assert answers(at("15:30:00.001", 17)) == {"E2"}
    assert answers(at("16:00"), opened_at=END) == {"C2"}
    assert answers(at("16:00"), opened_at=at("15:30:00.001")) == {"E6"}


def there_is_work_for_everybody():
    statuses = Counter(Claim.objects.filter(incident__reference=OUTAGE).values_list("status", flat=True))
    assert (statuses["approved"], statuses["denied"], statuses["submitted"]) == (44, 1, 8)
    assert statuses["assessed"] > 150
    assert Counter(Evidence.objects.values_list("status", flat=True)) == {"received": 30, "accepted": 18, "rejected": 6}
    assert Evidence.objects.filter(findings__contains=["identical_elsewhere"]).count() == 2
    assert {decision.decided_by.username for decision in Decision.objects.all()} == {"mia", "max"}
    assert set(Award.objects.values_list("asset", flat=True)) == {"USDT", "BTC"}
    assert Bonus.objects.count() == Assessment.objects.get(incident__reference=OUTAGE).claims_assessed
    assert Bonus.objects.filter(claim__verdicts=None).count() == 10  # in touch, and no order at all
    known = set(Order.objects.values_list("order_id", flat=True))
    assert set(chain.from_iterable(Contact.objects.values_list("order_ids", flat=True))) - known
    assert not Job.objects.exists()
    assert not Claim.objects.filter(due_at=None).exclude(incident__reference=STALL).exists()


def the_staff_can_sign_in(told):
    assert {person["user"]: person["role"] for person in told} == sign_ins.ROLES
    for person in told:
        user = User.objects.get(username=person["user"])
        assert user.check_password(person["password"])
        assert [group.name for group in user.groups.all()] == [person["role"]]
        assert not user.is_superuser


def rows() -> dict[str, int]:
    tables = connection.introspection.table_names()
    models = [model for model in apps.get_models() if model._meta.db_table in tables]
    return {model._meta.label: model._base_manager.count() for model in models}


@pytest.mark.django_db
def test_the_demo_keeps_out_of_a_database_that_is_in_use():
    make.incident("INC-7")
    code, refused = portal("demo")
    assert (code, refused["errors"]) == (
        1,
        ["there is INC-7 already: the demo goes only into a database without incidents"],
    )
    assert (User.objects.count(), Quote.objects.count()) == (0, 0)


# --- the sign-ins


@pytest.mark.django_db
def test_the_passwords_stay_and_are_for_the_owners_eyes_only(tmp_path):
    kept = tmp_path / "sign-ins.json"
    first = sign_ins.passwords(kept)
    assert sign_ins.passwords(kept) == first
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert set(json.loads(kept.read_text())) == {"ana", "mia", "max", "aude"}


@pytest.mark.django_db
def test_a_lost_file_and_a_changed_password_give_a_new_password_that_works(tmp_path):
    first = sign_ins.passwords(tmp_path / "sign-ins.json")
    ana = User.objects.get(username="ana")
    ana.set_password("something of her own")
    ana.save()
    second = sign_ins.passwords(tmp_path / "sign-ins.json")
    assert {name for name in first if first[name] != second[name]} == {"ana"}
    third = sign_ins.passwords(tmp_path / "elsewhere.json")
    assert not set(third.values()) & set(second.values())
    assert all(User.objects.get(username=name).check_password(word) for name, word in third.items())


@pytest.mark.django_db
def test_somebody_who_was_there_before_keeps_their_password(tmp_path):
    mia = make.staff("mia", "manager")
    assert sign_ins.passwords(tmp_path / "sign-ins.json")["mia"] == ""
    mia.refresh_from_db()
    assert mia.check_password("correct horse")


@pytest.mark.django_db
def test_an_agent_called_max_is_not_made_a_manager():
    make.staff("max", "agent")
    code, refused = portal("demo")
    assert (code, refused["errors"]) == (
        1,
        ["there is a max already who is no manager: load the demo into a database of its own"],
    )
    assert User.objects.count() == 1


# --- the files


def test_the_files_are_the_same_every_time(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.write(tmp_path / name)
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two
    assert len([path for path in one if path.suffix in (".png", ".jpg")]) == 54


def test_a_wrong_window_gives_a_wrong_price():
    book = [row for row in quotes.rows(quotes.markets(files.SEED)) if row["symbol"] == "BTCUSDT"]
    usable = [
        (row["ts"][11:], Decimal(row["bid"]), Decimal(row["ask"]))
        for row in book
        if row["ts"].startswith("2022-11-16") and 0 < Decimal(row["bid"]) <= Decimal(row["ask"])
    ]

    def best(begin: str, end: str) -> tuple[Decimal, str, Decimal, str]:
        inside = [row for row in usable if begin <= row[0] <= end]
        long, short = max(inside, key=lambda row: row[1]), min(inside, key=lambda row: row[2])
        return long[1], long[0][:5], short[2], short[0][:5]

    assert best("14:09", "15:30:00.000Z") == (Decimal("16571.0"), "14:34", Decimal("16411.1"), "14:54")
    assert best("14:08", "14:09")[0] < 16571  # what is carried in changes nothing
    assert best("14:00", "14:09")[2] < Decimal("16411.1")  # 14:07
    assert best("13:40", "14:09")[0] > 16571
    assert best("14:09", "16:00")[2] < Decimal("16411.1")  # 15:48
    assert best("14:09", "22:00")[0] > 16571
