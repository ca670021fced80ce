"""Approving as people do: on a phone, by keyboard alone, without JavaScript; and in the theme that they like."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.portal import Portal, Rollout
from tests.browser.conftest import SignIn

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
Asked = Callable[[str], Rollout]
pytestmark = pytest.mark.lane("chromium")


def approved_by_lead(live: Portal, rollout: Rollout, comment: str) -> bool:
    """Whether the history has the vote, and the rollout went on to its end."""
    live.succeed(rollout)
    entries = live.api("GET", f"audit?application={rollout['application']}&verb=rollout.approved", "auditor")
    return [(entry["actor"], entry["data"]["comment"]) for entry in entries] == [("lead", comment)]


def test_a_lead_approves_on_a_phone(live: Portal, sign_in: SignIn, asked: Asked) -> None:
    rollout = asked("staging")
    page = sign_in("lead", **PHONE)
    page.tap(f"a.card[href='/rollouts/{rollout['id']}']")
    page.tap("[data-dialog=ask-approve]")
    page.fill("#ask-approve textarea", "From the train.")
    button = page.locator("#ask-approve button.main")
    box = button.bounding_box()
    assert box
    assert box["height"] >= 24
    assert box["x"] + box["width"] <= 390
    button.tap()
    expect(page.locator("#ask-approve")).to_have_count(0)
    assert approved_by_lead(live, rollout, "From the train.")


def tab_to(page: Page, wanted: str) -> None:
    """Presses Tab until what has the focus fits the selector; each stop has to show that it is one."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", wanted):
            style = "getComputedStyle(document.activeElement)"
            assert page.evaluate(f"{style}.outlineStyle !== 'none' || {style}.boxShadow !== 'none'"), (
                f"{wanted}: no ring"
            )
            return
    raise AssertionError(f"Tab never comes to {wanted}.")


def test_a_lead_approves_by_keyboard_alone(live: Portal, browser: Browser, asked: Asked) -> None:
    rollout = asked("staging")
    page = browser.new_context(base_url=live.url).new_page()
    page.goto(f"/sign-in?next=/rollouts/{rollout['id']}")
    page.keyboard.type("lead")
    page.keyboard.press("Tab")
    page.keyboard.type(live.users["lead"]["password"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live.url}/rollouts/{rollout['id']}")
    tab_to(page, "[data-dialog=ask-approve]")
    page.keyboard.press("Enter")
    tab_to(page, "#ask-approve textarea")
    page.keyboard.type("Without a mouse.")
    tab_to(page, "#ask-approve button.main")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-approve")).to_have_count(0)
    assert approved_by_lead(live, rollout, "Without a mouse.")
    page.context.close()


def test_escape_closes_a_question_and_gives_the_focus_back(sign_in: SignIn, asked: Asked) -> None:
    page = sign_in("lead")
    page.goto(f"/rollouts/{asked('staging')['id']}")
    page.focus("[data-dialog=ask-approve]")
    page.keyboard.press("Enter")
    expect(page.locator("#ask-approve")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#ask-approve")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.dialog") == "ask-approve"


def test_all_of_it_works_without_javascript(live: Portal, sign_in: SignIn, asked: Asked) -> None:
    rollout = asked("staging")
    page = sign_in("lead", java_script_enabled=False)
    page.click(f"a.card[href='/rollouts/{rollout['id']}']")
    page.click("text=Approve 1.0.0 for staging >> visible=true")
    page.fill("textarea[name=comment]", "Without scripts.")
    page.click("button.main:has-text('Approve')")
    page.wait_for_url(f"**/rollouts/{rollout['id']}")
    assert approved_by_lead(live, rollout, "Without scripts.")
    page.reload()
    expect(page.locator("main")).to_contain_text("approved by lead")
    expect(page.locator(".live")).to_be_hidden()


def test_who_may_not_sees_why(sign_in: SignIn, asked: Asked) -> None:
    page = sign_in("developer")
    page.goto(f"/rollouts/{asked('staging')['id']}")
    expect(page.locator("[data-dialog=ask-approve]")).to_have_count(0)
    expect(page.locator("section:has-text('Not for you now')")).to_contain_text("Approve 1.0.0 for staging")


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


LIGHT, DARK = "rgb(245, 246, 248)", "rgb(15, 19, 24)"


@pytest.mark.parametrize(("scheme", "colour"), [("light", LIGHT), ("dark", DARK)])
def test_the_system_s_theme_is_followed(sign_in: SignIn, scheme: str, colour: str) -> None:
    page = sign_in("admin", color_scheme=scheme)
    assert background(page) == colour
    page.goto("/admin/")
    assert background(page) == colour


def test_a_theme_of_one_s_own_is_kept_in_the_admin_too(sign_in: SignIn) -> None:
    page = sign_in("admin", color_scheme="dark")
    page.click(".who summary")
    page.click("[data-theme-toggle]")
    assert background(page) == LIGHT
    page.goto("/admin/")
    assert background(page) == LIGHT
    page.goto("/")
    page.click(".who summary")
    page.click("[data-theme-toggle]")
    assert background(page) == DARK
