"""Each field that a page or the API shows is described where it is defined, in words of who reads it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest
from django.test import RequestFactory

from releases.api import api
from tests.syntax import tree_of

ROOT = Path(__file__).resolve().parent.parent
APPS = ("portal", "environments", "releases")
CODE = re.compile(
    r"`|\w\(\)|[\[{]\w+[:,]"  # quoted code, calls, shapes such as {name: value}
    r"|\b(?:backups|django|environments|portal|releases|sandbox)\.\w"
    r"|\b[a-z]+_[a-z]\w*"
)
CAMEL = re.compile(r"\b[A-Z][a-z]+[A-Z]\w+\b")
# Kubernetes' own words, which users know.
KINDS = {"ConfigMap"}


def class_names() -> set[str]:
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    trees = [ast.walk(tree_of(path)) for path in sources]
    return {node.name for tree in trees for node in tree if isinstance(node, ast.ClassDef)} - KINDS


CLASSES = class_names()


def code_in(text: str) -> str:
    """What of a text is code rather than words; "" where nothing is."""
    found = CODE.search(text)
    return found[0] if found else next((name for name in CAMEL.findall(text) if name in CLASSES), "")


def model_fields() -> Iterator[Any]:
    for model in (model for app in APPS for model in apps.get_app_config(app).get_models()):
        own = [*model._meta.fields, *model._meta.many_to_many]
        yield from (pytest.param(field, id=str(field)) for field in own if not isinstance(field, models.AutoField))


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property that the OpenAPI document describes, by its path."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if isinstance(schema, dict):
        named = schema.get("properties", {}) if schema.get("type") == "object" else {}
        yield from ((f"{path}/{name}", one) for name, one in named.items())
        for key, value in schema.items():
            yield from properties(value, f"{path}/{key}")


def parameters(document: Any) -> Iterator[tuple[str, Any]]:
    """Every parameter of an address that the OpenAPI document has."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from ((f"{method} {path} {one['name']}", one) for one in operation.get("parameters", []))


@pytest.mark.parametrize("field", list(model_fields()))
def test_each_field_of_a_table_is_described_in_words(field: models.Field) -> None:
    assert field.help_text, f"{field} has no help text"
    assert code_in(str(field.help_text)) == ""


@pytest.mark.django_db
def test_forms_of_the_admin_show_what_the_tables_say() -> None:
    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("root")
    pages = [page for model, page in admin.site._registry.items() if model._meta.app_label in APPS]
    written = [page for page in pages if page.has_change_permission(request)]
    assert len(written) > 4
    assert {page.model._meta.label: silent for page in written if (silent := undescribed(page, request))} == {}
    fields = [one for page in written for one in page.get_form(request).base_fields.values()]
    assert [one.help_text for one in fields if code_in(str(one.help_text or ""))] == []


def undescribed(page: admin.ModelAdmin, request: HttpRequest) -> list[str]:
    """The form's fields that belong to the table and say nothing."""
    names = {field.name for field in page.model._meta.get_fields()}
    return [name for name, one in page.get_form(request).base_fields.items() if name in names and not one.help_text]


def test_each_property_and_parameter_of_the_api_is_described_in_words() -> None:
    document = api.get_openapi_schema()
    found = {**dict(properties(document)), **dict(parameters(document))}
    assert len(found) > 150
    assert [path for path, one in found.items() if not one.get("description")] == []
    assert {path: code_in(one["description"]) for path, one in found.items() if code_in(one["description"])} == {}


@pytest.mark.parametrize(
    "text",
    [
        "Who uploaded it: releases.makers.Maker of each.",
        "{name: reference}",
        "[[field, before, after]] for people",
        "An ApiToken.",
        "Set by `approve`.",
        "Calls approve() next.",
        "See plan_digest.",
    ],
)
def test_code_is_found(text: str) -> None:
    assert code_in(text)


@pytest.mark.parametrize(
    "text", ["{application} is replaced.", 'Such as {"maxSurge": 1}.', "The entry of the ConfigMap."]
)
def test_what_users_write_is_no_code(text: str) -> None:
    assert not code_in(text)
