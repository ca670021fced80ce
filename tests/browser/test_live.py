"""Pages that keep themselves true, and what they say when they cannot."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect

from demo.options import ROOT
from tests.acceptance import shop
from tests.acceptance.portal import Portal, Rollout
from tests.browser.conftest import SignIn

WITHIN = 3_000
AT_ONCE = 1_000
SLOWEST = 20_000
pytestmark = pytest.mark.lane("chromium")


def mark(page: Page) -> None:
    """A page that is loaded anew loses this."""
    page.evaluate("window.notLoadedAnew = true")


def not_loaded_anew(page: Page) -> bool:
    return bool(page.evaluate("window.notLoadedAnew"))


def two_looks(page: Page) -> None:
    """Waits as long as a page that looks every second and a half has for it, however slow the machine is."""
    for _ in range(2):
        with page.expect_response(lambda answer: "x-slipway-live" in answer.request.headers, timeout=SLOWEST):
            pass


def test_the_page_looks_twice_in_three_seconds() -> None:
    interval = re.search(r"const INTERVAL = (\d+);", (ROOT / "static/slipway/live.js").read_text())
    assert interval
    assert 2 * int(interval[1]) <= 3_000


def test_the_matrix_shows_what_happens_within_three_seconds(live: Portal, sign_in: SignIn) -> None:
    name = live.shops.pop()
    live.release(name, "1.0.0", shop.files(COLOUR="blue"), "good")
    page = sign_in("lead")
    cell = page.locator("tr", has=page.locator("th", has_text=name)).locator("td[data-env=dev]")
    expect(cell).to_contain_text("nothing yet")
    mark(page)
    rollout = live.ask(name, "1.0.0", "dev")
    two_looks(page)
    expect(cell).to_contain_text("1.0.0", timeout=AT_ONCE)
    live.succeed(rollout)
    two_looks(page)
    expect(cell.locator("a.version")).to_have_text("1.0.0", timeout=AT_ONCE)
    assert not_loaded_anew(page)


def test_a_rollout_s_steps_and_state_move_by_themselves(live: Portal, sign_in: SignIn) -> None:
    name = live.shops.pop()
    live.release(name, "1.0.0", shop.files(COLOUR="blue"), "slow")
    rollout = live.ask(name, "1.0.0", "dev")
    page = sign_in("lead")
    page.goto(f"/rollouts/{rollout['id']}")
    mark(page)
    expect(page.locator(".steps li.now")).to_have_count(1, timeout=SLOWEST)
    live.succeed(rollout)
    expect(page.locator(".live")).to_have_text("Finished", timeout=WITHIN)
    expect(page.locator(".steps li.now")).to_have_count(0)
    assert not_loaded_anew(page)


def test_what_somebody_types_stays_and_so_do_the_cursor_and_open_parts(
    live: Portal, sign_in: SignIn, asked: Callable[[str], Rollout]
) -> None:
    rollout = asked("prod")
    page = sign_in("lead")
    page.goto("/approvals")
    comment = page.locator(f"#comment-{rollout['id']}")
    comment.press_sequentially("I have read ")
    page.evaluate("window.field = document.activeElement")
    live.say("approve", rollout, "lead2", "Fine by me.")
    expect(page.locator(f"#rollout-{rollout['id']}")).to_contain_text("approved: “Fine by me.”", timeout=WITHIN)
    assert page.evaluate("window.field === document.activeElement && document.contains(window.field)")
    page.keyboard.type("all of it")
    expect(comment).to_have_value("I have read all of it")
    page.click(f"#rollout-{rollout['id']} button.main")
    page.wait_for_url(f"**/rollouts/{rollout['id']}")
    live.succeed(rollout)


def test_a_dialog_that_is_open_stays_open(live: Portal, sign_in: SignIn, asked: Callable[[str], Rollout]) -> None:
    rollout = asked("prod")
    page = sign_in("lead")
    page.goto(f"/rollouts/{rollout['id']}?tab=approvals")
    page.click("[data-dialog=ask-approve]")
    page.fill("#ask-approve textarea", "Half a sen")
    live.say("approve", rollout, "lead2", "Fine by me.")
    expect(page.locator(".said")).to_contain_text("Fine by me.", timeout=WITHIN)
    expect(page.locator("#ask-approve")).to_be_visible()
    expect(page.locator("#ask-approve textarea")).to_have_value("Half a sen")


def test_a_portal_that_is_away_is_said_and_so_is_its_return(live: Portal, sign_in: SignIn) -> None:
    page = sign_in("lead")
    badge = page.locator(".live")
    expect(badge).to_have_text("Live")
    live.stop("portal")
    try:
        expect(badge).to_have_text("Reconnecting…", timeout=SLOWEST)
    finally:
        live.start_web()
    mark(page)
    expect(badge).to_have_text("Live", timeout=SLOWEST)
    assert not_loaded_anew(page)


def test_the_end_of_the_session_is_said(sign_in: SignIn) -> None:
    page = sign_in("lead")
    expect(page.locator(".live")).to_have_text("Live")
    page.context.clear_cookies()
    expect(page.locator(".live")).to_have_text("Signed out", timeout=SLOWEST)


def is_a_look(answer: Response) -> bool:
    return "x-slipway-live" in answer.request.headers


def test_while_nothing_changes_nothing_is_sent(sign_in: SignIn) -> None:
    page = sign_in("lead")
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if is_a_look(answer) else None)
    deadline = time.monotonic() + 15
    while len(statuses) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert statuses[1:3] == [304, 304], "after the first look, which brings the page's tag"
