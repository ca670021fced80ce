"""A canary as people see and lead it: where requests go, what it asks, and what its buttons do."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.portal import Portal, Rollout
from tests.browser.canary import asking_canary
from tests.browser.conftest import SignIn

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
SLOWEST = 20_000
pytestmark = pytest.mark.lane("chromium")


@pytest.fixture
def canary(live: Portal) -> Rollout:
    return asking_canary(live)


def height(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box, selector
    return box["y"]


def test_on_a_phone_requests_and_their_charts_come_before_the_steps(sign_in: SignIn, canary: Rollout) -> None:
    page = sign_in("lead", **PHONE)
    page.goto(f"/rollouts/{canary['id']}")
    expect(page.locator("meter")).to_have_attribute("aria-label", "50 percent of the requests to web go to 1.1.0")
    assert height(page, ".answer") < height(page, "meter") < height(page, "svg.chart") < height(page, ".steps")
    chart = page.locator("svg.chart").first.bounding_box()
    assert chart
    assert chart["x"] >= 0
    assert chart["x"] + chart["width"] <= 390, "the whole drawing is seen without scrolling sideways"
    letters = page.locator("svg.chart text").first.bounding_box()
    assert letters
    assert letters["height"] >= 10, "its words are large enough to be read"


def test_it_asks_in_words_and_is_promoted_fully_only_with_a_reason(
    live: Portal, sign_in: SignIn, canary: Rollout
) -> None:
    page = sign_in("operator")
    page.goto("/")
    expect(page.locator(f"a.flight[href='/rollouts/{canary['id']}']")).to_contain_text("50 %")
    page.goto(f"/rollouts/{canary['id']}")
    asks = page.locator(".answer")
    expect(asks).to_contain_text("It asks how it goes on")
    expect(asks).to_contain_text("50 % to 1.1.0")
    expect(asks.locator("dt", has_text="Promote fully")).to_be_visible()
    page.click("[data-dialog=ask-promote-fully]")
    dialog = page.locator("#ask-promote-fully")
    expect(dialog).to_contain_text("1.1.0 gets all requests, whatever is measured")
    dialog.locator("button.main").click()
    expect(dialog).to_be_visible()
    dialog.locator("textarea").fill("It is what we want.")
    dialog.locator("button.main").click()
    expect(page.locator(".notice.success")).to_contain_text("Promoted fully")
    live.succeed(canary)
    expect(page.locator(".live")).to_have_text("Finished", timeout=SLOWEST)
    address = f"audit?application={canary['application']}&verb=rollout.promote-fully-requested"
    entries = live.api("GET", address, "auditor")
    assert [entry["data"]["comment"] for entry in entries] == ["It is what we want."]


def test_what_does_not_fit_is_said_beside_the_field_and_what_was_typed_stays(sign_in: SignIn) -> None:
    page = sign_in("developer")
    page.goto("/rollouts/new")
    page.select_option("#id_release", index=1)
    page.select_option("#id_environment", "dev")
    page.select_option("#id_strategy", "canary")
    page.fill("#id_parameters", '{"weights": [50, 25]}')
    page.click("button.main")
    expect(page.locator("#id_parameters_error")).to_contain_text("the weights have to rise")
    expect(page.locator("#id_parameters")).to_have_value('{"weights": [50, 25]}')
    expect(page.locator("#id_parameters")).to_have_attribute("aria-describedby", "id_parameters_error")
    expect(page.locator("#id_strategy_reason_error")).to_contain_text("is recommended here")
