"""A source's mapping: how an event's fields become a version and images. Pure but for the bundle's image names.

    {"repository": "example/shop", "events": ["release"], "version": "{tag}",
     "images": "registry.example/shop/{workload}:{version}", "workloads": ["web", "worker"]}

`images` is a template, or an object of a template for each name. Without `workloads` the template applies to
those images of the bundle that have its repository.
"""

import re
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from environments.manifests.images import repository_of
from releases.webhooks.providers.base import Unusable

LEADING_V = re.compile(r"^v(?=\d)")
IMAGE_FIELDS = {"version", "workload", "tag", "branch", "sha", "short_sha", "run_number"}
VERSION_FIELDS = IMAGE_FIELDS - {"version", "workload"}


def version_of(mapping: Mapping[str, Any], fields: Mapping[str, str], default: str) -> str:
    """The release's version: the mapping's template, or what the provider took; without a leading v."""
    template = mapping.get("version")
    return LEADING_V.sub("", fill(template, fields) if template else default)


def images_of(mapping: Mapping[str, Any], fields: Mapping[str, str], in_bundle: Iterable[str]) -> dict[str, str]:
    """{name: reference} of the release; `in_bundle` are the image references that the bundle writes."""
    templates = mapping.get("images") or {}
    if isinstance(templates, str):
        names = mapping.get("workloads") or _named_by(templates, fields, in_bundle)
        templates = dict.fromkeys(names, templates)
    return {name: fill(template, {**fields, "workload": _last(name)}) for name, template in templates.items()}


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The template with its fields; Unusable names a field that the event does not have."""
    try:
        return template.format_map(dict(fields))
    except (KeyError, IndexError) as error:
        known = ", ".join(sorted(fields))
        raise Unusable(
            f"The template {template!r} asks for {error}, which this event does not have; it has {known}."
        ) from None


def problems(mapping: Mapping[str, Any], allowed: Mapping[str, type | tuple[type, ...]]) -> list[str]:
    """What a mapping has wrong, a sentence each; `allowed` are a provider's own keys beside the common ones."""
    if not isinstance(mapping, Mapping):
        return ["A mapping is a JSON object."]
    shape = {"version": str, "images": (str, dict), "workloads": list, **allowed}
    found = [f"{key} is not known; there are {', '.join(sorted(shape))}." for key in mapping if key not in shape]
    for key, value in mapping.items():
        if key in shape and not isinstance(value, shape[key]):
            found.append(f"{key} is {value!r}, which is not of the right type.")
        elif isinstance(value, list) and not all(isinstance(each, str) for each in value):
            found.append(f"{key} has something else than text.")
    return found or [
        *_template_problems("version", mapping.get("version", ""), VERSION_FIELDS),
        *_image_problems(mapping),
    ]


def _image_problems(mapping: Mapping[str, Any]) -> list[str]:
    images = mapping.get("images") or {}
    templates = {"images": images} if isinstance(images, str) else {f"images.{k}": v for k, v in images.items()}
    return [line for key, template in templates.items() for line in _template_problems(key, template, IMAGE_FIELDS)]


def _template_problems(key: str, template: Any, fields: set[str]) -> list[str]:
    if not isinstance(template, str):
        return [f"{key} has to be text."]
    try:
        parts = [(name, spec, how) for _text, name, spec, how in Formatter().parse(template) if name is not None]
    except ValueError as error:
        return [f"{key} is no template: {error}."]
    if any(spec or how for _name, spec, how in parts):
        return [f"{key} has a field with a format; only its name may stand between the braces."]
    used = {name for name, _spec, _how in parts}
    unknown = sorted(used - fields)
    return [f"{key} uses {', '.join(unknown)}; it may use {', '.join(sorted(fields))}."] if unknown else []


def _named_by(template: str, fields: Mapping[str, str], in_bundle: Iterable[str]) -> list[str]:
    found = []
    for reference in in_bundle:
        repository = repository_of(reference)
        if repository == repository_of(fill(template, {**fields, "workload": _last(repository)})):
            found.append(repository)
    return found


def _last(name: str) -> str:
    return name.rpartition("/")[2]
