"""A manager who knows no TOML writes a policy: begins somewhere, changes it by buttons, is told what is wrong, saves a draft."""

import re
from html import unescape

import pytest

from claims import terms, workflow
from claims.models import Policy
from tests import factories as f
from tests.claims.desk import signed_in, text_of

pytestmark = pytest.mark.django_db
WRITE = "/staff/claims/policy/write/?incident=INC-2022-001&start="


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def incident():
    f.instrument()
    f.instrument("BTCUSD", margin="inverse", product="pro")
    return f.incident(policy=None)


def sent_by(response) -> dict[str, list[str]]:
    """What a browser would send for the editor's form as it stands, without a button."""
    html = response.content.decode()
    form = html[html.index('<form id="editor"') :]
    form = form[: form.index("</form>")]
    sent: dict[str, list[str]] = {}
    control = re.compile(r"<input\b([^>]*)>|<textarea\b([^>]*)>(.*?)</textarea>|<select\b([^>]*)>(.*?)</select>", re.S)
    for tag, area, text, select, options in control.findall(form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag or area or select))
        name, value = attributes.get("name"), unescape(attributes.get("value", "on"))
        if area:
            value = unescape(text.removeprefix("\n")).replace("\n", "\r\n")
        elif select:
            listed = re.findall(r'<option value="([^"]*)" (selected)?', options)
            value = next((option for option, is_chosen in listed if is_chosen), listed[0][0])
        elif attributes.get("type") == "checkbox" and not re.search(r"\bchecked\b", tag):
            continue
        if name and name != "csrfmiddlewaretoken":
            sent.setdefault(name, []).append(value)
    return sent


@pytest.mark.parametrize("preset", sorted(terms.PRESETS))
def test_a_preset_goes_through_the_editor_unchanged(mia, incident, preset):
    desk = signed_in(mia)
    opened = desk.get(f"{WRITE}preset:{preset}")
    saved = desk.post(f"{WRITE}preset:{preset}", sent_by(opened) | {"reason": "The notice"}, follow=True)
    policy = Policy.objects.get()
    assert policy.document == terms.read(terms.PRESETS[preset].read_text())
    assert (policy.status, policy.version, policy.drafted_by, policy.reason) == ("draft", 1, mia, "The notice")
    assert "Version 1 is a draft" in text_of(saved)


def test_an_empty_policy_is_written_clause_by_clause(mia, incident):
    desk, page = signed_in(mia), WRITE
    form = sent_by(desk.get(page))
    for button in ("with.c1.close_reasons", "with.c1.closed_to", "with.c1.instruments"):
        form = sent_by(desk.post(page, form | {"do": button}))
    form |= {"name": ["Ours"], "c1-code": ["C1"], "c1-text-en": ["Liquidated\r\nearly"], "c1-text-zh": ["强平"]}
    form |= {"c1-close_reasons": ["liquidation", "adl"], "c1-closed_to-n": ["90"], "c1-closed_to-unit": ["m"]}
    form |= {"c1-instruments": ["BTCUSDT"], "c1-percentage": ["80"]}
    form |= {"payment-minimum-asset": ["USDT", ""], "payment-minimum-amount": ["0.50", ""]}
    desk.post(page, form)
    document = Policy.objects.get().document
    [clause] = document["clauses"]
    assert (clause["close_reasons"], clause["closed_to"]) == (["liquidation", "adl"], "end+90m")
    assert (clause["instruments"], clause["percentage"], clause["evidence"]) == (["BTCUSDT"], "80", False)
    assert clause["text"] == {"en": "Liquidated\nearly", "zh": "强平"}
    assert document["payment"]["minimum"] == {"USDT": "0.50"}


def test_what_is_wrong_is_told_at_its_place_and_nothing_typed_is_lost(mia, incident):
    desk, page = signed_in(mia), f"{WRITE}preset:s1-btcc"
    typed = {
        "c8-closed_to-n": ["soon"],
        "contact-within-n": ["99999"],
        "c2-code": ["E1"],
        "c9-text-zh": [""],
        "name": ["<b>"],
    }
    refused = desk.post(page, sent_by(desk.get(page)) | typed | {"reason": "why"})
    html = refused.content.decode()
    assert not Policy.objects.exists()
    for place, words in {
        "c8-closed_to": "is &#x27;end+soonh&#x27;; expected",
        "contact-within": "is &#x27;99999h&#x27;; expected 3660d at most",
        "c1-code": "stands twice",
        "c9-text": "lacks its published words in: zh",
    }.items():
        assert words in html[html.index(f'id="{place}-faults"') :].split("</ul>")[0]
    assert "4 things are to be mended" in text_of(refused)
    again = sent_by(refused)
    assert {name: again[name] for name in typed} == typed
    assert (again["reason"], again["checked"]) == (["why"], ["yes"])


def test_what_a_clause_says_is_told_while_it_is_written(mia, incident):
    desk, page = signed_in(mia), f"{WRITE}preset:s1-btcc"
    form = sent_by(desk.get(page)) | {"c8-closed_to-n": ["2"], "do": "tell"}
    told = desk.post(page, form, headers={"HX-Request": "true"})
    assert "closed from the end of the outage to 2 hours after the end of the outage." in text_of(told)
    assert 'id="c8-told" hx-swap-oob="true"' in told.content.decode()
    assert "<form" not in told.content.decode()
    assert not Policy.objects.exists()


def test_a_button_changes_the_form_alone_and_saves_nothing(mia, incident):
    desk, page = signed_in(mia), f"{WRITE}preset:s1-btcc"
    form = sent_by(desk.get(page))
    moved = desk.post(page, form | {"do": "up.c2"}, headers={"HX-Request": "true"})
    assert moved.content.decode().lstrip().startswith("<form")
    assert sent_by(moved) == form | {"clause": ["c2", "c1", *form["clause"][2:]]}
    assert not Policy.objects.exists()


def test_a_draft_is_edited_in_place_and_its_history_keeps_what_it_said(mia, incident):
    draft = workflow.draft_policy(incident, f.S1, by=mia, now=f.NOW)
    desk, page = signed_in(f.staff("max", "manager")), f"/staff/claims/policy/{draft.pk}/edit/"
    desk.post(page, sent_by(desk.get(page)) | {"bonus-amount": ["25"]})
    policy = Policy.objects.get()
    assert (policy.version, policy.document["bonus"]["amount"], policy.drafted_by.username) == (1, "25", "max")
    assert policy.sha256 == terms.digest(policy.document) != draft.sha256
    assert terms.read(policy.file) == policy.document
    assert [event.document["bonus"]["amount"] for event in policy.events.order_by("pgh_id")] == ["20", "25"]


def test_who_edits_an_older_page_is_told_and_loses_nothing(mia, incident):
    draft = workflow.draft_policy(incident, f.S1, by=mia, now=f.NOW)
    desk, page = signed_in(mia), f"/staff/claims/policy/{draft.pk}/edit/"
    form = sent_by(desk.get(page)) | {"bonus-amount": ["25"]}
    workflow.revise_draft(draft, f.S1.replace('"20"', '"30"'), sha256=draft.sha256, by=mia, now=f.NOW)
    refused = desk.post(page, form)
    assert "was changed by somebody else a moment ago" in text_of(refused)
    assert sent_by(refused)["bonus-amount"] == ["25"]
    assert Policy.objects.get().document["bonus"]["amount"] == "30"


def test_a_published_policy_is_corrected_by_a_new_version_that_says_why(mia, incident):
    first = workflow.publish_policy(workflow.draft_policy(incident, f.S1, now=f.NOW), now=f.NOW)
    desk = signed_in(mia)
    opened = desk.get(f"/staff/claims/policy/{first.pk}/edit/", follow=True)
    page = opened.redirect_chain[-1][0]
    form = sent_by(opened) | {"bonus-amount": ["25"]}
    assert "a correction of a published policy needs a reason" in text_of(desk.post(page, form))
    assert Policy.objects.count() == 1
    desk.post(page, form | {"reason": "Five more were promised"})
    second = Policy.objects.get(version=2)
    assert (second.status, second.reason) == ("draft", "Five more were promised")


def test_a_draft_begins_from_another_incidents_policy(mia, incident):
    other = f.incident("INC-2019-002")
    found = text_of(signed_in(mia).get("/staff/claims/policy/add/?incident=INC-2022-001"))
    assert "INC-2019-002 v1: BTCC trading server failure" in found
    start = f"policy:{other.policies.get().pk}"
    assert sent_by(signed_in(mia).get(WRITE + start))["c9-code"] == ["C3"]


@pytest.mark.parametrize("start", ["preset:unknown", "policy:999999", "policy:x", "other"])
def test_a_start_that_does_not_exist_is_said(mia, incident, start):
    assert "nothing of this name" in text_of(signed_in(mia).get(WRITE + start, follow=True))


def test_an_unknown_incident_has_no_editor(mia):
    assert signed_in(mia).get("/staff/claims/policy/write/?incident=X").status_code == 404


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_agents_and_auditors_read_policies_and_write_none(incident, role):
    draft = workflow.draft_policy(incident, f.S1, now=f.NOW)
    desk = signed_in(f.staff("ana", role))
    for page in (WRITE, f"/staff/claims/policy/{draft.pk}/edit/"):
        assert (desk.get(page).status_code, desk.post(page, {"do": "tell"}).status_code) == (403, 403)
    page = desk.get(f"/staff/claims/policy/{draft.pk}/change/")
    assert page.status_code == 200
    assert "Edit the draft" not in text_of(page)
    assert Policy.objects.get().sha256 == draft.sha256


def test_a_name_that_no_database_keeps_is_cut_out(mia, incident):
    desk, page = signed_in(mia), f"{WRITE}preset:s1-btcc"
    desk.post(page, sent_by(desk.get(page)) | {"name": ["a\0b"], "reason": "x\0"})
    assert (Policy.objects.get().name, Policy.objects.get().reason) == ("ab", "x")
