"""Modules that are found by being there."""

from common.discovery import modules_of


def names(*apart: str) -> list[str]:
    return [module.__name__.rpartition(".")[2] for module in modules_of("tests.portal.steps.toy", apart=apart)]


def test_modules_and_packages_in_the_order_of_their_names() -> None:
    assert names() == ["flow", "handlers", "host", "operations", "recorders"]
    assert names("flow", "host", "recorders") == ["handlers", "operations"]
