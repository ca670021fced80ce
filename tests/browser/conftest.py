"""A browser against a portal that has something to show. Everything in it needs the lane `chromium`."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from demo.__main__ import PLATFORMS
from tests.acceptance import shop
from tests.acceptance.portal import Portal, Rollout, portal

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SignIn = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=os.environ["SLIPWAY_TEST_CHROMIUM"], args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal on a sandbox, with both platforms and small applications shop-…."""
    with portal(tmp_path_factory.mktemp("browser"), None, shops=8, pushed=PLATFORMS) as running:
        yield running


@pytest.fixture
def sign_in(browser: Browser, live: Portal) -> Iterator[SignIn]:
    """sign_in("lead", **options of the browser's context): a page that shows the matrix."""
    contexts: list[BrowserContext] = []

    def enter(who: str, **options: Any) -> Page:
        contexts.append(browser.new_context(base_url=live.url, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.goto("/sign-in")
        page.fill("[name=username]", live.users[who]["name"])
        page.fill("[name=password]", live.users[who]["password"])
        page.click("button:has-text('Sign in')")
        page.wait_for_url("**/")
        return page

    yield enter
    for context in contexts:
        context.close()


@pytest.fixture
def asked(live: Portal) -> Callable[[str], Rollout]:
    """asked("staging"): the rollout of a new application that waits for approval there."""

    def ask(environment: str) -> Rollout:
        name = live.shops.pop()
        live.release(name, "1.0.0", shop.files(COLOUR="blue"), "good")
        return live.wait(live.ask(name, "1.0.0", environment), "awaiting approval")

    return ask
