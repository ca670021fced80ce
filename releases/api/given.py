"""How the API reads what it is given: strictly. What no operation asks for is refused, not passed over."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from portal import strict_json
from releases.errors import Unacceptable

View = Callable[..., Any]


class StrictParser(Parser):
    """Bodies by portal.strict_json; parameters once each, with text that can be stored."""

    def parse_body(self, request: HttpRequest) -> Any:
        return strict_json.read(request.body)

    def parse_querydict(
        self, data: MultiValueDict[str, Any], _list_fields: list[str], _request: HttpRequest
    ) -> dict[str, Any]:
        return once_each(data)


def once_each(data: MultiValueDict[str, Any]) -> dict[str, Any]:
    """The fields of a query or a form. Unacceptable names one that is given twice or cannot be stored."""
    for name, values in data.lists():
        if len(values) > 1:
            raise Unacceptable(f"{name[:60]} is given {len(values)} times; once is enough.")
        if why := next(filter(None, map(strict_json.why_not_stored, [name, *map(str, values)])), ""):
            raise Unacceptable(f"{name[:60]!a} has {why}.")
    return dict(data.items())


def only_known_parameters(view: View) -> View:
    """Refuses a parameter of the address that the operation does not have. Decorates every operation of the API."""
    operation = getattr(view, "_ninja_operation")  # noqa: B009 - ninja keeps it there, under no public name
    queries = (model for model in operation.models if model.__ninja_param_source__ == "query")
    known = sorted(name for model in queries for name in model.__ninja_flatten_map__)

    @wraps(view)
    def checked(request: HttpRequest, **values: Any) -> Any:
        refuse_unknown("parameter", request.GET, known)
        return view(request, **values)

    return checked


def refuse_unknown(what: str, given: MultiValueDict[str, Any], known: list[str]) -> None:
    """Unacceptable names what was given and is not known, and what there is."""
    unknown = [name for name in given if name not in known]
    if unknown:
        there = f"There are: {', '.join(known)}" if known else "This address takes none"
        raise Unacceptable(f"There is no {what} {unknown[0][:60]!a} here. {there}.")
