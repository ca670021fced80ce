"""Whether a person is among those who made a release's content, whatever form their name has there."""

from types import SimpleNamespace
from typing import Any

import pytest

from portal.actors import SYSTEM, Actor
from releases.makers import Maker, authors, co_authors, made_by, named, part_of, strangers, united


def person(pk: int = 5, username: str = "lead", email: str = "lead@example.test", name: str = "Léa Dupont") -> Actor:
    user: Any = SimpleNamespace(pk=pk, email=email, get_username=lambda: username, get_full_name=lambda: name)
    return Actor("person", username, user)


LEAD = [
    "lead",
    "LEAD",
    "  lead\t",
    "@lead",
    "ｌｅａｄ",
    "le\u200bad",
    "lead@example.test",
    "Lead@EXAMPLE.Test",
    "lead+ci@example.test",
    "lead+a+b@example.test",
    "lead@example.test.",
    "<lead@example.test>",
    "Somebody <lead+x@example.test>",
    "lead@example.test (Somebody)",
    "lead <other@example.test>",
    '"Lead" <other@example.test>',
    "Ann <ann@example.test>, Lead <lead@example.test>",
    "lead@users.noreply.github.com",
    "12345+lead@users.noreply.github.com",
    "12345+LEAD@Users.NoReply.GitHub.com",
    "Somebody <12345+lead@users.noreply.github.com>",
    "12345-lead@users.noreply.gitlab.com",
    "lead@users.noreply.gitlab.com",
    "12345-lead@users.noreply.gitlab.corp.example",
    "Léa Dupont",
    "LÉA   dupont",
    "Le\u0301a Dupont",
    "Dupont, Léa",
    "Léa Dupont <private@example.test>",
]
OTHERS = [
    "",
    "  ",
    "lead2",
    "leader",
    "lea",
    "lead@elsewhere.test",
    "lead2+lead@example.test",
    "lead+lead2@users.noreply.github.com",
    "Lea Dupont",
    "Dupont",
    "example.test",
    "slipway",
]


@pytest.mark.parametrize("text", LEAD)
def test_every_form_of_a_person_is_that_person(text: str) -> None:
    assert part_of(person(), named([text], "wrote", "commit"))


@pytest.mark.parametrize("text", OTHERS)
def test_who_only_looks_alike_is_somebody_else(text: str) -> None:
    assert part_of(person(), [Maker(text, "wrote", "commit")]) is None


@pytest.mark.parametrize("text", LEAD[:2])
def test_the_forms_hold_from_the_side_of_the_person_too(text: str) -> None:
    assert part_of(person(username="LEAD@users.noreply.github.com", email="", name=""), [Maker(text, "wrote", "x")])
    assert part_of(person(username="someone", email="Lead+portal@example.test"), [Maker("lead@example.test", "a", "b")])


def test_a_person_who_was_renamed_is_known_by_the_id_and_one_made_anew_by_the_name() -> None:
    makers = made_by(person(), "uploaded", "bundle")
    renamed = person(username="boss", email="boss@example.test", name="The Boss")
    again = person(pk=77)
    stranger = person(pk=77, username="boss", email="boss@example.test", name="The Boss")
    assert [bool(part_of(each, makers)) for each in (renamed, again, stranger)] == [True, True, False]


def test_a_person_without_address_and_name_is_not_everybody_without_them() -> None:
    bare, other = person(email="", name=""), person(pk=6, username="other", email="", name="")
    assert part_of(other, made_by(bare, "created", "release")) is None


def test_a_machine_is_nobody_and_the_shell_is_whoever_is_signed_in_there() -> None:
    assert part_of(SYSTEM, made_by(SYSTEM, "created", "release")) is None
    assert part_of(person(), made_by(Actor("system", "shell:lead"), "created", "release"))


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("Fix it\n\nCo-authored-by: Lead <lead@example.test>", ("Lead <lead@example.test>",)),
        ("Fix it\r\n\r\nco-Authored-BY:lead@example.test\r\nCO-DEVELOPED-BY : ann", ("lead@example.test", "ann")),
        ("* one\n  > Co-authored-by: ann", ("ann",)),
        ("Reviewed-by: lead\nNot co-authored-by: him", ()),
        ("", ()),
    ],
)
def test_the_trailers_of_a_message_name_co_authors(message: str, names: tuple[str, ...]) -> None:
    assert co_authors(message) == names


def test_what_is_united_keeps_everybody_once_and_in_order() -> None:
    ann, bob = named(["ann", "bob"], "wrote", "commit")
    assert united([ann], [bob, ann]) == (ann, bob)
    assert Maker.from_json(ann.as_json()) == ann
    assert authors([ann, Maker("eve", "pushed", "commit")]) == ("ann",)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (["ann"], ["bob"], True),
        (["ann"], ["ANN"], False),
        (["ann", "ann@example.test"], ["Ann B <ann+x@example.test>"], False),
        ([], ["bob"], False),
        (["ann"], [], False),
    ],
)
def test_two_sides_are_strangers_only_where_both_name_somebody_else(one: list, other: list, apart: bool) -> None:
    assert strangers(one, other) is apart
