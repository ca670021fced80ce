"""Asking in the browser: what does not fit is told beside its field, with what to do."""

import html
import re

import pytest
from django.test import Client

from releases.models import Rollout
from tests.releases.world import World

pytestmark = pytest.mark.django_db

WRONG = {
    "a comma is missing": ("canary", '{"weights": [5, 25] "interval": 10}', "no JSON from line 1, character 21"),
    "single quotes": ("canary", "{'weights': [5]}", "no JSON from line 1, character 2"),
    "cut off": ("canary", '{"weights": [5,', "at its end"),
    "a list": ("canary", "[5, 25]", "This is a list; a map of settings is needed"),
    "a number": ("canary", "5", "the single value 5"),
    "weights that fall": ("canary", '{"weights": [50, 25]}', "weights: the weights have to rise"),
    "a metric that there is not": (
        "canary",
        '{"metrics": [{"template": "happiness"}]}',
        "template has to be one of success-rate, latency",
    ),
    "a setting that there is not": ("canary", '{"wieghts": [5]}', "Canary has no parameter 'wieghts'"),
    "another strategy's setting": ("blue-green", '{"weights": [5]}', "Blue-green has no parameter 'weights'"),
    "below nothing": (
        "blue-green",
        '{"soakSeconds": -1}',
        "soakSeconds is -1; it has to be a number",
    ),
}


@pytest.fixture
def developer(world: World) -> Client:
    client = Client()
    user = world.people["developer"].user
    assert user
    client.force_login(user)
    return client


def asked(world: World, **more: str) -> dict[str, str]:
    release = world.release("1.1.0")
    form = {"release": str(release.pk), "environment": "dev", "strategy": "canary", "strategy_reason": "To try it."}
    return {**form, **more}


def beside(page: str, field: str) -> str:
    """What stands under a field, as a person reads it."""
    found = re.search(rf'<div id="id_{field}_error" class="problem small">(.*?)</div>\s*</div>', page, re.DOTALL)
    return re.sub(r"<[^>]+>", " ", found[1]).replace("&quot;", '"').replace("&#x27;", "'") if found else ""


@pytest.mark.parametrize(("strategy", "given", "words"), WRONG.values(), ids=WRONG)
def test_settings_that_do_not_fit_are_told_beside_them(
    developer: Client, world: World, strategy: str, given: str, words: str
) -> None:
    page = developer.post("/rollouts/new", asked(world, strategy=strategy, parameters=given)).content.decode()
    assert words in beside(page, "parameters")
    assert not Rollout.objects.exists()


def test_the_reason_is_asked_for_beside_its_field(developer: Client, world: World) -> None:
    form = asked(world, strategy_reason="", parameters='{"weights": [5, 100]}')
    page = developer.post("/rollouts/new", form).content.decode()
    assert "is recommended here. Say why" in beside(page, "strategy_reason")
    assert beside(page, "parameters") == ""


def test_settings_are_checked_against_the_strategy_that_is_recommended(developer: Client, world: World) -> None:
    form = asked(world, strategy="recommended", parameters='{"weights": [5]}')
    page = developer.post("/rollouts/new", form).content.decode()
    assert "Rolling update has no parameter 'weights'" in beside(page, "parameters")


def test_what_fits_is_asked_for_and_its_reason_is_shown(developer: Client, world: World) -> None:
    answer = developer.post("/rollouts/new", asked(world, parameters='{"weights": [5, 100]}'))
    rollout = Rollout.objects.get()
    assert answer["Location"] == f"/rollouts/{rollout.pk}"
    assert (rollout.strategy, rollout.parameters) == ("canary", {"weights": [5, 100]})
    page = developer.get(f"/rollouts/{rollout.pk}?tab=release").content.decode()
    assert "Rolling update was recommended" in page
    assert "Why: To try it." in page
    assert "5, 100" in page


@pytest.mark.parametrize(
    ("address", "typed"),
    [("", ""), ("?parameters=%7B%22weights%22%3A%20%5B5%5D%7D", '{"weights": [5]}')],
)
def test_the_settings_are_empty_or_what_the_address_has(developer: Client, address: str, typed: str) -> None:
    page = developer.get(f"/rollouts/new{address}").content.decode()
    shown = re.search(r'<textarea name="parameters"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert shown
    assert html.unescape(shown[1]).strip() == typed
