"""Evidence reviewed as people do it: by keyboard alone, one file after another, enlarged, side by side, played."""

import io

import pytest

from claims import tasks, workflow
from claims.models import Claim, Evidence
from claims.receiving import receive_evidence
from jobs.models import Job
from tests import factories as make
from tests.browser.test_desk import fits, sign_in
from tests.claims.films import film
from tests.claims.films import page as shown_page
from tests.factories import NOW, at

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def picture(form: str = "PNG", scale: int = 4) -> io.BytesIO:
    kept = io.BytesIO()
    image = shown_page()
    image.resize((image.width * scale, image.height * scale)).save(kept, form)
    kept.seek(0)
    return kept


@pytest.fixture
def carla() -> Claim:
    """Carla's screenshot and her recording, watched; Dora's screenshot of the same page."""
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    make.staff("ana", "agent"), make.staff("aude", "auditor")
    claim = make.claim(incident)
    make.order("1001", closed_at=at("18:00"), close_reason="user")
    receive_evidence(claim, name="login-error.png", content=picture(), by=None, now=NOW)
    content = io.BytesIO(film("webm", images=100, size=(320, 640)))
    recording = receive_evidence(claim, name="order.webm", content=content, by=None, now=NOW)
    tasks.inspect(Job.objects.get(key=f"inspect/{recording.pk}").pk)
    dora = make.claim(incident, "dora")
    receive_evidence(dora, name="IMG_1.jpg", content=picture("JPEG", 3), by=None, now=NOW)
    workflow.assess_now(incident, now=NOW)
    return Claim.objects.get(pk=claim.pk)


def width(window) -> int:
    return window.locator(".mg-zoom img").first.evaluate("image => Math.round(image.getBoundingClientRect().width)")


@pytest.mark.parametrize("wide", [1400, 390])
def test_ana_reviews_two_files_with_the_keyboard_alone(carla, page, wide):
    page.set_viewport_size({"width": wide, "height": 900})
    shot, recording = carla.evidence.all()
    sign_in(page, "ana")
    page.goto(f"/staff/claims/claim/{carla.pk}/change/")
    fits(page)
    page.keyboard.press("e")
    page.wait_for_url(f"**/evidence/{shot.pk}/")
    fits(page)

    # Enlarged, and as it was.
    fit = width(page)
    page.keyboard.press("+")
    page.keyboard.press("=")
    assert width(page) == pytest.approx(fit * 1.25**2, abs=3)
    page.keyboard.press("-")
    assert width(page) == pytest.approx(fit * 1.25, abs=3)
    page.keyboard.press("0")
    assert width(page) == fit
    page.locator(".mg-zoom").hover()
    page.mouse.wheel(0, -100)
    assert width(page) == pytest.approx(fit * 1.25, abs=3)

    # Beside what looks the same.
    page.keyboard.press("s")
    page.wait_for_url("**/?beside=*")
    assert page.locator(".mg-zoom img").count() == 2
    assert page.get_by_text("Looks the same as another customer's file: a signal, no ground").count() == 2
    fits(page)
    page.keyboard.press("s")
    page.wait_for_url(f"**/evidence/{shot.pk}/")

    # Accepted with the second ground; the recording is next.
    for key in ("a", "2", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(f"**/evidence/{recording.pk}/")
    fits(page)

    # The posters are marks: the player jumps to them.
    player = page.locator("video")
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    page.keyboard.press("]")
    page.wait_for_function("Math.abs(document.querySelector('video').currentTime - 0.52) < 0.1")
    page.locator("[data-seek]").last.click()
    assert player.evaluate("film => film.currentTime") > 3

    # Rejected in words of her own; then the claim again.
    for key in ("r", "8", "t"):
        page.keyboard.press(key)
    page.keyboard.type("shows Dora's account")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/claim/{carla.pk}/change/")
    found = Evidence.objects.filter(claim=carla).values_list("status", "ground", "reason", "reviewed_by__username")
    assert list(found) == [
        ("accepted", "shows_error", "shows an error message of the exchange", "ana"),
        ("rejected", "other", "shows Dora's account", "ana"),
    ]


def test_the_auditor_looks_at_everything_and_reviews_nothing(carla, page):
    sign_in(page, "aude")
    page.goto(f"/staff/claims/claim/evidence/{carla.evidence.first().pk}/?beside={Evidence.objects.last().pk}")
    assert page.locator(".mg-zoom img").count() == 2
    assert page.get_by_role("button", name="Keep the review").count() == 0


def pinch(window, apart: int, to: int) -> None:
    """Two fingers in the middle of the picture, so many pixels apart and then so many."""
    box = window.locator(".mg-zoom").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = window.context.new_cdp_session(window)

    def fingers(kind: str, distance: float) -> None:
        points = [{"x": x, "y": y + side * distance / 2, "id": nth} for nth, side in enumerate((-1, 1))]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})

    fingers("touchStart", apart)
    for step in range(1, 11):
        fingers("touchMove", apart + (to - apart) * step / 10)
    fingers("touchEnd", to)


def test_ana_enlarges_a_picture_with_two_fingers(carla, live_server, browser):
    shape = {"width": 390, "height": 844}
    with browser.new_context(base_url=live_server.url, viewport=shape, has_touch=True, is_mobile=True) as phone:
        window = phone.new_page()
        sign_in(window, "ana")
        window.goto(f"/staff/claims/claim/evidence/{carla.evidence.first().pk}/")
        window.locator(".mg-zoom img").first.evaluate("image => image.decode()")
        fit = width(window)
        pinch(window, 80, 240)
        assert width(window) == pytest.approx(fit * 3, rel=0.02)
        assert window.evaluate("visualViewport.scale") == 1  # the picture grew, not the page
        pinch(window, 240, 120)
        assert width(window) == pytest.approx(fit * 1.5, rel=0.02)
        fits(window)
