"""The three roles at every address of the back office: what they may not do they cannot do, whatever they send."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse

from claims import workflow
from claims.models import Claim, Decision, Policy
from incidents.models import Incident
from tests import factories as f
from tests.claims.desk import outage, signed_in

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LABELS = [model._meta.label for model in MODELS]
OPERATORS = {
    "auth.Group",
    "auth.User",
    "django_q.OrmQ",
    "django_q.Schedule",
    "django_q.Success",
    "django_q.Failure",
    "jobs.Heartbeat",
}
FROZEN = {
    "status",
    "outcome",
    "amount",
    "asset",
    "revision",
    "assessment",
    "entry",
    "verb",
    "published_at",
    "state",
    "sha256",
}
EXPORTS = [
    "ledger.Account",
    "ledger.JournalEntry",
    "claims.Verdict",
    "claims.Claim",
    "claims.Bonus",
    "incidents.Liquidation",
]


@pytest.fixture
def case():
    """One row of nearly everything: a claim that was assessed, approved and given its bonus."""
    incident, mia = outage(), f.staff("mia", "manager")
    f.order("O-1")
    claim = f.claim(incident)
    f.evidence(claim)
    workflow.assess_now(incident, now=f.NOW)
    claim.refresh_from_db()
    workflow.approve(claim, by=mia, now=f.NOW)
    workflow.grant_bonuses(incident, by=mia, now=f.NOW)
    return claim


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def known(url_of, *args) -> str | None:
    try:
        return url_of(*args)
    except NoReverseMatch:
        return None


def of_every_model(answer: Callable[[Any, Any], object]) -> dict[str, object]:
    """What was answered for each model and its first row, if there is one: all of them in one world, told by name."""
    return {model._meta.label: answer(model, model._default_manager.first()) for model in MODELS}


def test_an_auditor_adds_changes_and_deletes_nothing(case):
    desk = signed_in(f.staff("aude", "auditor"))

    def answer(model, row) -> tuple[list[int], bool]:
        before = list(model._default_manager.order_by("pk").values())
        pages = [address(model, "add")] + [address(model, page, row.pk if row else 1) for page in ("change", "delete")]
        answers = [desk.post(page, {"name": "x", "_save": "1"}).status_code for page in pages]
        return answers, list(model._default_manager.order_by("pk").values()) == before

    assert of_every_model(answer) == dict.fromkeys(LABELS, ([403, 403, 403], True))


@pytest.mark.parametrize("role", ["agent", "manager", "auditor", None])
def test_nobody_deletes_anything_not_even_a_superuser(case, role):
    desk = signed_in(f.staff(f"a {role}", role) if role else User.objects.create_superuser("root"))

    def answer(model, row) -> tuple[int, bool]:
        pk = row.pk if row else 1
        refused = desk.post(address(model, "delete", pk), {"post": "yes"}).status_code
        ticked = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
        desk.post(address(model, "changelist"), ticked)
        return refused, row is None or model._default_manager.filter(pk=pk).exists()

    assert of_every_model(answer) == dict.fromkeys(LABELS, (403, True))


def test_status_money_and_history_are_edited_by_nobody(case, rf):
    request = rf.get("/")
    request.user = User.objects.create_superuser("root")

    def answer(model, row) -> set[str]:
        screen = admin.site._registry[model]
        if not screen.has_change_permission(request, row) or model is User:
            return set()
        return set(screen.get_form(request, row).base_fields) & FROZEN

    assert of_every_model(answer) == dict.fromkeys(LABELS, set())


def test_an_auditor_reads_every_list_and_row_but_the_operators(case):
    desk = signed_in(f.staff("aude", "auditor"))

    def answer(model, row) -> set[int]:
        pages = [address(model, "changelist")] + ([address(model, "change", row.pk)] if row else [])
        return {desk.get(page).status_code for page in pages}

    assert of_every_model(answer) == {label: {403 if label in OPERATORS else 200} for label in LABELS}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_list_and_row_opens_for_a_superuser_in_both_languages(case, language):
    desk = signed_in(User.objects.create_superuser("root"))
    desk.cookies["django_language"] = language

    def answer(model, row) -> set[int]:
        pages = [address(model, "changelist")] + ([address(model, "change", row.pk)] if row else [])
        return {desk.get(page).status_code for page in pages}

    assert of_every_model(answer) == dict.fromkeys(LABELS, {200})


def test_somebody_without_a_role_sees_nothing(case):
    desk = signed_in(User.objects.create_user("nina", is_staff=True))

    def answer(model, row) -> tuple[int, bool]:
        page = desk.get(address(model, "change", row.pk if row else 1))
        return desk.get(address(model, "changelist")).status_code, page.status_code in {302, 403}

    assert of_every_model(answer) == dict.fromkeys(LABELS, (403, True))


@pytest.mark.parametrize(("role", "answer"), [("agent", 403), ("manager", 200), ("auditor", 200), (None, 403)])
def test_exports_are_for_managers_and_auditors(case, role, answer):
    desk = signed_in(f.staff("nina", role) if role else User.objects.create_user("nina", is_staff=True))
    pages = {label: address(apps.get_model(label), "export") for label in EXPORTS}
    answers = {
        label: (desk.get(page).status_code, desk.post(page, {"format": "0", "resource": ""}).status_code)
        for label, page in pages.items()
    }
    assert answers == dict.fromkeys(EXPORTS, (answer, answer))


def test_nothing_but_contacts_is_imported_on_screen():
    assert [model for model in MODELS if known(address, model, "import")] == [Claim]


@pytest.mark.parametrize(("role", "answer"), [("agent", 200), ("manager", 200), ("auditor", 403), (None, 403)])
def test_contacts_are_imported_by_agents_and_managers(role, answer):
    person = f.staff("nina", role) if role else User.objects.create_user("nina", is_staff=True)
    assert signed_in(person).get(address(Claim, "import")).status_code == answer


def test_the_desks_buttons_are_not_the_auditors(case):
    desk = signed_in(f.staff("aude", "auditor"))
    buttons = [f"/staff/claims/claim/desk/INC-2022-001/{verb}/" for verb in ("assess", "approve", "bonuses")]
    assert [desk.post(button).status_code for button in buttons] == [403] * 3


def test_an_agent_cannot_spend(case):
    desk = signed_in(f.staff("ana", "agent"))
    pages = [f"/staff/claims/claim/desk/INC-2022-001/{verb}/" for verb in ("approve", "bonuses")]
    assert [desk.get(page).status_code for page in pages] == [403] * 2
    assert [desk.post(page).status_code for page in pages] == [403] * 2


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_a_manager_declares_publishes_and_drafts(case, role):
    desk = signed_in(f.staff("nobody", role))
    policy = Policy.objects.get()
    pages = ["/staff/incidents/incident/add/", f"/staff/incidents/incident/{case.incident_id}/publish/"]
    pages += ["/staff/claims/policy/add/", f"/staff/claims/policy/{policy.pk}/publish/"]
    assert [desk.post(page, {}).status_code for page in pages] == [403] * 4
    assert desk.post(f"/staff/incidents/incident/{case.incident_id}/change/", {"title": "x"}).status_code == 403
    assert Incident.objects.count() == Policy.objects.count() == 1


def test_a_manager_does_not_approve_in_bulk_what_they_prepared():
    max_ = f.staff("max", "manager")
    incident = outage()
    f.order("O-1")
    f.claim(incident, entered_by=max_)
    workflow.assess_now(incident, now=f.NOW)
    page = signed_in(max_).post("/staff/claims/claim/desk/INC-2022-001/approve/")
    assert b"max prepared CLM-" in page.content
    assert not Decision.objects.exists()
    assert Claim.objects.get().status == "assessed"


@pytest.mark.parametrize(
    "page", ["/staff/", "/staff/claims/claim/", "/staff/claims/claim/next/", "/staff/claims/claim/desk/X/"]
)
def test_a_stranger_is_sent_to_the_sign_in(client, page):
    assert client.get(page).url.startswith("/staff/login/")
