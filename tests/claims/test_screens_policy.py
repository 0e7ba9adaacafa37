"""A manager who knows no TOML writes a policy: begins somewhere, changes it by buttons, is told what is wrong, saves a draft."""

import re
from html import unescape

import pytest

from claims import tasks, terms, workflow
from claims.models import Change, Policy
from jobs.models import Job
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
        "c8-closed_to": "a whole number, such as 1, or nothing",
        "contact-within": "longer than ten years",
        "c1-code": "another clause has this code",
        "c9-text": "published words are missing: Chinese",
    }.items():
        assert words in html[html.index(f'id="{place}-faults"') :].split("</ul>")[0]
    assert "5 things are to be mended" in text_of(refused)
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
    said = Change.objects.filter(kind="claims_policy", object_id=policy.pk).order_by("id")
    assert [change.new["document"]["bonus"]["amount"] for change in said] == ["20", "25"]


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


def test_a_correction_is_suggested_to_begin_from_the_version_in_force(mia):
    page = signed_in(mia).get(f"/staff/claims/policy/add/?incident={f.incident().reference}").content.decode()
    assert f'<option value="policy:{Policy.objects.get().pk}" selected' in page


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


# --- the page of a version


def page_of(policy: Policy, verb: str = "change") -> str:
    return f"/staff/claims/policy/{policy.pk}/{verb}/"


@pytest.fixture
def draft(incident, mia):
    """S1 is in force; the draft gives C2 half an hour less, and Carla's order is closed in between."""
    workflow.publish_policy(workflow.draft_policy(incident, f.S1, now=f.NOW), now=f.NOW)
    f.quotes("BTCUSDT", ("14:34:20", "16571", "16571.1"))
    f.order("1", closed_at=f.at("16:15"), close_reason="user")
    f.claim(incident)
    text = f.S1.replace('closed_to = "end+1h"', 'closed_to = "end+30m"')
    return workflow.draft_policy(incident, text, by=mia, reason="As announced", now=f.NOW)


def previewed(desk, policy: Policy):
    """The button, the waiting, the worker, the end."""
    asked = desk.post(page_of(policy, "preview"), follow=True)
    assert 'hx-trigger="every 2s"' in asked.content.decode()
    assert desk.get(page_of(policy, "preview")).status_code == 200
    tasks.preview(Job.objects.get(key=policy.previews.get().job_key).pk)
    ended = desk.get(page_of(policy, "preview"))
    assert (ended.status_code, "hx-trigger" in ended.content.decode()) == (286, False)
    return text_of(desk.get(page_of(policy)))


def test_a_draft_is_told_against_the_version_in_force_and_against_any_other(mia, incident, draft):
    changed = "Clause C2, Closed at or before: ‘30 minutes after the end of the outage’ instead of ‘1 hour after"
    third = workflow.draft_policy(incident, f.S1.replace('"20"', '"25"'), by=mia, reason="goodwill", now=f.NOW)
    desk = signed_in(mia)
    page = text_of(desk.get(page_of(draft)))
    assert "Against version 1, in force" in page
    assert changed in page
    assert "Bonus per customer" not in page.split("Against version 1")[1].split("Clauses, in the order")[0]
    chosen = text_of(desk.get(f"{page_of(draft)}?against={third.pk}"))
    assert "Against version 3" in chosen
    assert "Bonus per customer: ‘20’ instead of ‘25’" in chosen


def test_every_clause_is_told_as_the_portal_reads_it_beside_its_published_words(mia, draft):
    page = text_of(signed_in(mia).get(page_of(draft)))
    assert "Orders that generated profits. Excludes orders: in profit." in page
    assert "The customer must have been in touch yes" in page


def test_a_manager_previews_a_draft_and_sees_what_becomes_another_result(mia, draft):
    page = previewed(signed_in(mia), draft)
    assert "Nothing to pay." in page
    assert "What becomes another result than by version 1" in page
    assert "to pay C2 needs evidence C3 1 35.50 USDT 0.00 USDT −35.50 USDT" in page
    assert "as of 2" in page
    assert "by mia" in page
    assert "These figures are old" not in page


def test_a_preview_grows_old_when_the_draft_or_a_fact_changes(mia, incident, draft):
    desk = signed_in(mia)
    previewed(desk, draft)
    f.claim(incident, "chen")
    incident.windows.update(ends_at=f.at("15:31"))
    workflow.revise_draft(draft, f.S1, sha256=draft.sha256, by=mia, reason="back", now=f.NOW)
    page = text_of(desk.get(page_of(draft)))
    assert (
        "These figures are old. Since then: the draft was changed, the outage windows were changed, claims came in."
        in page
    )


def test_without_a_preview_of_these_very_terms_publishing_asks_once_more(mia, draft):
    desk = signed_in(mia)
    question = "Nobody has seen what these terms come to"
    assert question in text_of(desk.get(page_of(draft, "publish")))
    assert question in text_of(desk.post(page_of(draft, "publish"), {"sha256": draft.sha256}))
    assert Policy.objects.get(pk=draft.pk).status == "draft"
    previewed(desk, draft)
    asked = text_of(desk.get(page_of(draft, "publish")))
    assert question not in asked
    assert "UTC : Nothing to pay." in asked
    assert "The fund lacks for those who claim: 20.00 USDT" in asked  # Carla's bonus
    desk.post(page_of(draft, "publish"), {"sha256": draft.sha256})
    assert Policy.objects.get(pk=draft.pk).status == "published"


def test_what_was_changed_since_it_was_read_is_not_published(mia, draft):
    workflow.revise_draft(draft, f.S1.replace('"20"', '"99"'), sha256=draft.sha256, by=mia, reason="x", now=f.NOW)
    answer = signed_in(mia).post(page_of(draft, "publish"), {"sha256": draft.sha256, "unseen": "on"}, follow=True)
    assert "version 2 was changed by somebody else a moment ago" in text_of(answer)
    assert Policy.objects.get(pk=draft.pk).status == "draft"


def test_a_preview_that_gave_up_says_so(mia, draft):
    desk = signed_in(mia)
    desk.post(page_of(draft, "preview"))
    Job.objects.update(state="failed", error="DataError: numeric field overflow")
    page = text_of(desk.get(page_of(draft)))
    assert "The preview gave up after several attempts: DataError: numeric field overflow" in page
    assert "Preview again" in page


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_agents_and_auditors_see_a_preview_and_ask_for_none(mia, draft, role):
    previewed(signed_in(mia), draft)
    desk = signed_in(f.staff("ana", role))
    page = text_of(desk.get(page_of(draft)))
    assert "What becomes another result" in page
    assert "Preview again" not in page
    assert desk.post(page_of(draft, "preview")).status_code == 403
    assert desk.get(page_of(draft, "preview")).status_code == 286


def test_the_page_is_read_in_chinese_too(mia, draft):
    desk = signed_in(mia)
    previewed(desk, draft)
    desk.cookies["django_language"] = "zh-hans"
    assert [desk.get(page_of(draft, verb)).status_code for verb in ("change", "publish", "edit")] == [200] * 3
