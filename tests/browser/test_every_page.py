"""Every page: nothing in the console, nothing wider than the window, nothing to stumble over."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.acceptance import shop
from tests.acceptance.portal import Portal, Rollout
from tests.acceptance.signing import generic_release
from tests.browser.canary import asking_canary
from tests.browser.conftest import SignIn

CHECKS = (Path(__file__).parent / "checks.js").read_text()
WIDTHS = (390, 1440)
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const over = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > width);
  return [over.map((node) => `${node.tagName} ${node.id} ${node.className}`).slice(0, 12).join(", ")];
}"""
TABS = ("now", "changes", "approvals", "activity", "release")
SERIOUS = ("error", "warning")
# What holds in the admin too, whose markup is Django's.
EVERYWHERE = re.compile("The page has no|is there twice|this is too wide")
pytestmark = [pytest.mark.lane("chromium"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def addresses(live: Portal) -> list[str]:
    """Every kind of page, with a rollout that succeeded, one that failed, and ones that wait or ask."""
    told = generic_release(live.webhooks["ai-workflow"]["generic"], "1.0.0", environments=["staging", "prod"])
    waiting = [live.rollout(number) for number in told[1]["rollouts"]]
    name = live.shops.pop()
    live.release(name, "1.0.0", shop.files(COLOUR="blue"), "good")
    done = live.succeed(live.ask(name, "1.0.0", "dev"))
    live.release(name, "1.1.0", shop.files("extra", COLOUR="green"), "crash")
    failed = live.wait(live.ask(name, "1.1.0", "dev", parameters={"fatalGraceSeconds": 1}), "failed")
    asking = asking_canary(live)
    for rollout in waiting:
        live.wait(rollout, "awaiting approval")
    return [
        *(
            "/",
            "/approvals",
            "/rollouts",
            "/rollouts?phase=failed",
            "/rollouts/new",
            "/history",
            "/history?verify=1",
            "/environments",
        ),
        *(
            "/environments/dev",
            "/environments/dev/import",
            "/environments/prod/configuration",
            f"/environments/dev/configuration/{name}",
        ),
        *(f"/rollouts/{each['id']}?tab={tab}" for each in (done, failed, waiting[0], asking) for tab in TABS),
        f"/revisions/{name}/dev",
        f"/rollouts/{asking['id']}/promote-fully",
        f"/rollouts/new?release={asking['release']}&environment=dev",
        f"/rollouts/{failed['id']}/workloads/Deployment/{name}-dev/web",
        f"/rollouts/{failed['id']}/rollback",
        f"/rollouts/{waiting[0]['id']}/approve",
        f"/rollouts/{done['id']}/undo",
        f"/applications/{name}/bundle",
    ]


@pytest.fixture
def page(sign_in: SignIn) -> Page:
    return sign_in("admin")


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser says in its console; empty where it has nothing to complain of."""
    heard: list[str] = []
    page.on("console", lambda said: heard.append(f"{page.url}: {said.text}") if said.type in SERIOUS else None)
    page.on("pageerror", lambda error: heard.append(f"{page.url}: {error}"))
    return heard


def wrong(page: Page, *, ours: bool) -> list[str]:
    """What is wrong with the page that is open, a sentence each."""
    found = [line for line in page.evaluate(CHECKS) if ours or EVERYWHERE.search(line)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"At {width} this is too wide: {element}" for element in page.evaluate(TOO_WIDE)]
    return [f"{page.url}: {line}" for line in found]


def test_every_page_of_ours(page: Page, complaints: list[str], addresses: list[str]) -> None:
    found = []
    for address in addresses:
        answer = page.goto(address)
        assert answer
        assert answer.status == 200, address
        found += wrong(page, ours=True)
    assert not found, "\n".join(found)
    assert not complaints, "\n".join(complaints)


def test_pages_of_who_is_not_signed_in_and_of_what_is_not_there(page: Page, addresses: list[str]) -> None:
    page.goto("/rollouts/999999")
    found = wrong(page, ours=True)
    page.context.clear_cookies()
    page.goto("/approvals")
    assert "/sign-in" in page.url
    found += wrong(page, ours=True)
    assert not found, "\n".join(found)


def test_every_list_and_form_of_the_admin(page: Page, complaints: list[str], addresses: list[str]) -> None:
    found = []
    page.goto("/admin/")
    lists = page.eval_on_selector_all("#content a[href]", "links => links.map((link) => link.getAttribute('href'))")
    todo = ["/admin/", *dict.fromkeys(lists)]
    for address in todo:
        answer = page.goto(address)
        assert answer
        assert answer.status == 200, address
        found += wrong(page, ours=False)
        row = page.query_selector("#result_list tbody th a")
        if row:
            page.goto(row.evaluate("link => link.href"))
            found += wrong(page, ours=False)
    assert len(todo) > 10
    assert not found, "\n".join(found)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("tab", ["now", "changes"])
def test_the_skip_link_is_the_first_stop_and_leads_to_the_content(
    page: Page, asked: Callable[[str], Rollout], tab: str
) -> None:
    page.goto(f"/rollouts/{asked('staging')['id']}?tab={tab}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
