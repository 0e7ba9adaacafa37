"""Customers reach us: by a helpdesk's file, or through an agent who enters one contact."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from claims import intake, workflow
from claims.gate import Refused
from claims.models import Claim, Contact, Policy
from incidents.models import Customer, ImportedFile
from tests.factories import NOW, S1, at, claim, customer, incident, staff
from tests.incidents.files import csv_of, run

pytestmark = pytest.mark.django_db
CARLA = {
    "customer": "carla",
    "name": "Carla Conti",
    "email": "carla@example.org",
    "language": "zh",
    "account": "carla-1",
    "order_ids": "100000000000000001  O2",
    "channel": "chat",
    "contacted_at": "2022-11-16T15:00:00Z",
    "message": 'I could not log in,\n"503"',
    "ticket": "T-1",
}


@pytest.fixture
def outage(db):
    return incident()


@pytest.fixture
def load(outage, tmp_path):
    def load(*rows: dict, options: tuple = (), to: str = "INC-2022-001"):
        file = tmp_path / "contacts.csv"
        quoted = [{name: '"' + cell.replace('"', '""') + '"' for name, cell in row.items()} for row in rows]
        file.write_text(csv_of(*quoted).replace('""\n', "\n"))
        return run("import_contacts", to, file, *options)

    return load


def counts(result: dict) -> tuple[int, ...]:
    return tuple(result[key] for key in ("rows", "claims_created", "contacts_added", "unchanged", "rejected"))


# --- a file


def test_a_contact_of_an_unknown_customer_makes_the_customer_and_the_claim(load, outage):
    assert load(CARLA) == (
        0,
        {"rows": 1, "claims_created": 1, "contacts_added": 1, "unchanged": 0, "rejected": 0, "errors": []},
    )
    carla = Customer.objects.get()
    assert (carla.code, carla.name, carla.email, carla.language) == ("carla", "Carla Conti", "carla@example.org", "zh")
    case = Claim.objects.get()
    assert (case.incident, case.customer, case.status, case.revision) == (outage, carla, "submitted", 0)
    assert (case.submitted_at, case.due_at) == (at("15:00"), at("15:00") + timedelta(days=14))
    contact = case.contacts.get()
    assert (contact.channel, contact.contacted_at, contact.account) == ("chat", at("15:00"), "carla-1")
    assert contact.order_ids == ["100000000000000001", "O2"]
    assert (contact.message, contact.ticket) == ('I could not log in,\n"503"', "T-1")


def test_the_same_file_twice_changes_nothing(load):
    rows = [CARLA, CARLA | {"ticket": "T-2"}, CARLA | {"customer": "dan", "email": "dan@example.org"}]
    assert counts(load(*rows)[1]) == (3, 2, 3, 0, 0)
    before = list(Claim.objects.order_by("pk").values())
    assert counts(load(*rows)[1]) == (3, 0, 0, 3, 0)
    assert list(Claim.objects.order_by("pk").values()) == before
    assert ImportedFile.objects.get().summary["incident"] == "INC-2022-001"


def test_several_contacts_are_one_claim_due_from_the_earliest(load):
    load(CARLA, CARLA | {"contacted_at": "2022-11-16T14:30:00Z"}, CARLA | {"contacted_at": "2022-11-17T09:00:00Z"})
    case = Claim.objects.get()
    assert (case.submitted_at, case.due_at) == (at("14:30"), at("14:30") + timedelta(days=14))
    assert case.contacts.count() == 3


def test_a_new_contact_sends_an_open_claim_back_and_leaves_a_closed_one(load, outage):
    assessed, denied = claim(outage, "carla", contacted=None), claim(outage, "dan", contacted=None)
    Claim.objects.filter(pk=assessed.pk).update(status="assessed", submitted_at=NOW)
    Claim.objects.filter(pk=denied.pk).update(status="denied")
    assert counts(load(CARLA, CARLA | {"customer": "dan"})[1]) == (2, 0, 2, 0, 0)
    assessed.refresh_from_db()
    denied.refresh_from_db()
    assert (assessed.status, assessed.revision, assessed.submitted_at) == ("submitted", 1, at("15:00"))
    assert (denied.status, denied.revision) == ("denied", 0)


def test_what_is_known_of_a_customer_is_kept_and_what_is_not_is_filled_in(load):
    Customer.objects.create(code="carla", name="Carla C.")
    load(CARLA | {"name": "Somebody Else", "email": ""}, CARLA | {"ticket": "T-2"})
    carla = Customer.objects.get()
    assert (carla.name, carla.email, carla.language) == ("Carla C.", "carla@example.org", "zh")


def test_an_account_of_another_customer_is_a_finding_and_no_error(load):
    customer("dan")
    assert counts(load(CARLA | {"account": "dan-1"})[1]) == (1, 1, 1, 0, 0)
    assert Contact.objects.get().account == "dan-1"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"channel": "fax"}, 'channel: "fax" - expected one of: email, chat, phone, web, social, other'),
        ({"customer": ""}, 'customer: "" - expected a value'),
        ({"email": "carla at home"}, 'email: "carla at home" - expected an e-mail address'),
        ({"language": "中文"}, 'language: "中文" - expected a language such as en or zh'),
        (
            {"contacted_at": "2022-11-16 15:00"},
            'contacted_at: "2022-11-16 15:00" - expected an instant with its offset, '
            "such as 2022-11-16T14:09:00Z, or the file's time zone stated",
        ),
        (
            {"contacted_at": "2122-11-16T15:00:00Z"},
            'contacted_at: "2122-11-16T15:00:00+00:00" - expected an instant that has been',
        ),
        (
            {"order_ids": "O1 " + "9" * 65, "ticket": "T-2"},
            f'order_ids: "O1 {"9" * 57}…" - expected order ids with spaces between them, each of 64 characters at most',
        ),
        (
            {},
            'contacted_at: "2022-11-16T15:00:00+00:00" - expected each contact (customer, instant, channel, ticket) '
            "once in a file; line 2 has it already",
        ),
    ],
)
def test_a_wrong_row_is_named_and_nothing_comes_in(load, said, expected):
    first = CARLA | {"message": "help"}
    assert load(first, first | said) == (
        1,
        {
            "rows": 2,
            "claims_created": 0,
            "contacts_added": 0,
            "unchanged": 0,
            "rejected": 1,
            "errors": [f"line 3, column {expected}"],
        },
    )
    assert not Claim.objects.exists()
    assert not Customer.objects.exists()


def test_local_times_need_their_zone_stated(load):
    load(CARLA | {"contacted_at": "2022-11-16 23:00"}, options=("--timezone", "Asia/Shanghai"))
    assert Contact.objects.get().contacted_at == at("15:00")


def test_an_unknown_incident_is_refused_with_those_we_know(load):
    assert load(CARLA, to="INC-1") == (1, {"errors": ["there is no incident 'INC-1'; known: INC-2022-001"]})


def test_who_enters_a_file_is_on_every_contact_and_must_be_allowed_to(load):
    ana = staff("ana", "agent")
    staff("aude", "auditor")
    assert load(CARLA, options=("--by", "aude")) == (1, {"errors": ["aude has not the permission claims.add_contact"]})
    load(CARLA, options=("--by", "ana"))
    assert (Contact.objects.get().entered_by, Claim.objects.get().entered_by) == (ana, ana)


def test_without_a_policy_there_is_no_due_date_until_the_next_contact(tmp_path):
    incident(policy=None)
    file = tmp_path / "contacts.csv"
    file.write_text("customer,channel,contacted_at\ncarla,chat,2022-11-16T15:00:00Z\n")
    run("import_contacts", "INC-2022-001", file)
    case = Claim.objects.get()
    assert case.due_at is None
    workflow.publish_policy(workflow.draft_policy(case.incident, S1, now=NOW), now=NOW)
    file.write_text("customer,channel,contacted_at\ncarla,chat,2022-11-16T16:00:00Z\n")
    run("import_contacts", "INC-2022-001", file)
    case.refresh_from_db()
    assert (case.submitted_at, case.due_at) == (at("15:00"), at("15:00") + timedelta(days=14))


# --- one contact


def submit(outage, **said) -> Claim:
    said = {"channel": "phone", "contacted_at": at("15:10"), "message": "cannot close", "now": NOW} | said
    return intake.submit(incident=outage, customer=customer("carla"), **said)


def test_agent_ana_enters_a_call(outage):
    ana = staff("ana", "agent")
    case = submit(outage, by=ana, account="carla-1", order_ids=["O1", "O2"], ticket="T-9")
    assert (case.status, case.entered_by, case.submitted_at) == ("submitted", ana, at("15:10"))
    assert case.due_at == at("15:10") + timedelta(days=14)
    contact = case.contacts.get()
    assert (contact.entered_by, contact.account, contact.order_ids, contact.ticket) == (
        ana,
        "carla-1",
        ["O1", "O2"],
        "T-9",
    )


def test_the_same_call_again_changes_nothing_and_another_extends_the_claim(outage):
    case = submit(outage)
    assert submit(outage).revision == case.revision == 0
    Claim.objects.update(status="assessed")
    again = submit(outage, contacted_at=at("14:50"))
    assert (again.pk, again.status, again.revision) == (case.pk, "submitted", 1)
    assert (again.submitted_at, again.due_at) == (at("14:50"), at("14:50") + timedelta(days=14))
    assert again.contacts.count() == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"channel": "fax"}, "channel: Value 'fax' is not a valid choice."),
        ({"contacted_at": NOW + timedelta(seconds=1)}, "contacted at 2022-11-18T09:00:01.+: that is still to come"),
        ({"ticket": "T" * 65}, "ticket: Ensure this value has at most 64 characters"),
    ],
)
def test_a_contact_that_cannot_be_is_refused_and_leaves_no_claim(outage, said, reason):
    with pytest.raises(Refused, match=reason):
        submit(outage, **said)
    assert not Claim.objects.exists()


def test_auditor_aude_enters_nothing(outage):
    with pytest.raises(Refused, match="aude has not the permission claims.add_contact"):
        submit(outage, by=staff("aude", "auditor"))


@pytest.mark.django_db(transaction=True)
def test_two_agents_at_once_make_one_claim_with_two_contacts():
    outage, carla = incident(), customer("carla")

    def work(minute: int):
        try:
            intake.submit(incident=outage, customer=carla, channel="chat", contacted_at=at(f"15:{minute}"), now=NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[minute]) for minute in (10, 11, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Claim.objects.get().contacts.count() == 3


# --- the policy


@pytest.fixture
def bare(db):
    return incident(policy=None)


def test_the_preset_is_loaded_and_published_and_loading_it_again_is_the_same_version(bare):
    ref = "INC-2022-001"
    assert run("load_policy", ref, "s1-btcc") == (0, {"incident": ref, "version": 1, "status": "draft"})
    assert run("load_policy", ref, "s1-btcc", "--publish") == (
        0,
        {"incident": ref, "version": 1, "status": "published"},
    )
    assert run("load_policy", ref, "s1-btcc", "--publish") == (
        0,
        {"incident": ref, "version": 1, "status": "published"},
    )
    assert run("load_policy", ref, "s1-btcc") == (0, {"incident": ref, "version": 1, "status": "published"})


def test_a_corrected_file_is_a_new_version_that_says_why(bare, tmp_path):
    run("load_policy", "INC-2022-001", "s1-btcc", "--publish")
    file = tmp_path / "policy.toml"
    file.write_text(Path("claims/presets/s1-btcc.toml").read_text().replace('amount = "20"', 'amount = "25"'))
    staff("mia", "manager")
    _code, result = run("load_policy", "INC-2022-001", file, "--reason", "The board gives 25.", "--by", "mia")
    assert result == {"incident": "INC-2022-001", "version": 2, "status": "draft"}
    policy = Policy.objects.get(version=2)
    assert (policy.reason, policy.drafted_by.username) == ("The board gives 25.", "mia")


def test_agent_ana_publishes_no_policy_and_leaves_no_draft(bare):
    staff("ana", "agent")
    assert run("load_policy", "INC-2022-001", "s1-btcc", "--publish", "--by", "ana") == (
        1,
        {"errors": ["ana has not the permission claims.add_policy"]},
    )
    assert not Policy.objects.exists()


def test_a_wrong_policy_is_refused_with_all_its_errors(bare, tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text(Path("claims/presets/s1-btcc.toml").read_text().replace('"24h"', '"a day"').replace('"20"', "20"))
    code, result = run("load_policy", "INC-2022-001", file, "--publish")
    assert code == 1
    assert [error.split(" is ")[0] for error in result["errors"]] == ["[contact] within", "[bonus] amount"]
    assert not Policy.objects.exists()


def test_a_preset_that_is_none_is_refused_with_those_there_are(bare):
    code, result = run("load_policy", "INC-2022-001", "s9")
    assert (code, result["errors"]) == (1, ["there is no file and no preset 's9'; presets: s1-btcc, s2-kvb"])
