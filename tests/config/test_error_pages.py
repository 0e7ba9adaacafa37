"""Pages that say that something cannot be: in words, in the reader's language, with a way on."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from tests import factories as make

pytestmark = pytest.mark.django_db


def signed_in(name: str, role: str, **options) -> Client:
    client = Client(**options)
    client.force_login(make.staff(name, role))
    return client


def test_an_agent_at_an_address_that_is_none_is_shown_the_way_back_to_the_desk():
    answer = signed_in("ana", "agent").get(reverse("admin:claims_claim_change", args=[12345]))
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert f'href="{reverse("admin:index")}"' in answer.content.decode()


def test_a_visitor_at_an_address_that_is_none_is_shown_the_way_to_the_first_page():
    answer = Client().get("/incidents/INC-1999-001/")
    assert answer.status_code == 404
    assert f'href="{reverse("front")}">To the first page' in answer.content.decode()


def test_what_a_role_may_not_do_is_said_in_the_readers_language():
    ana = signed_in("ana", "agent")
    ana.cookies["django_language"] = "zh-hans"
    answer = ana.get(reverse("admin:claims_lettertemplate_add"))
    assert answer.status_code == 403
    assert '<html lang="zh-hans">' in answer.content.decode()
    assert "您无权执行此操作" in answer.content.decode()


def test_a_form_from_elsewhere_says_that_nothing_was_saved():
    answer = signed_in("ana", "agent", enforce_csrf_checks=True).post(reverse("admin:claims_claim_next"))
    assert answer.status_code == 403
    assert "This page was open too long" in answer.content.decode()


@pytest.mark.parametrize(
    ("page", "words"),
    [("500.html", "Something went wrong on our side"), ("400.html", "The portal does not understand this")],
)
def test_a_page_for_what_broke_asks_the_database_for_nothing(page, words, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert words in render_to_string(page)
