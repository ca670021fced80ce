"""A chart of a repository: found in its index, fetched, and held against the digest there."""

import hashlib
from typing import Any
from urllib.parse import urljoin

import yaml

from environments.manifests.limits import LIMITS
from environments.sources.base import SourceFetcher, one_error

INDEX_BYTES = 24 * 1024**2
SHOWN = 5


def chart_in(repository: str, chart: str, version: str, fetcher: SourceFetcher) -> tuple[bytes, str]:
    """The packed chart, and its address. Raises BundleError and FetchLater."""
    base = repository.rstrip("/") + "/"
    entry = _entry(fetcher.get(urljoin(base, "index.yaml"), INDEX_BYTES), base, chart, version)
    urls = entry.get("urls")
    if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
        raise one_error(f"the index of {repository} names no address of {chart} {version}")
    url = urljoin(base, urls[0])
    packed = fetcher.get(url, LIMITS.archive)
    told = entry.get("digest")
    digest = told.removeprefix("sha256:") if isinstance(told, str) else ""
    if digest and hashlib.sha256(packed).hexdigest() != digest:
        raise one_error(f"{chart} {version} of {repository} is not what its index says: its digest is another")
    return packed, url


def _entry(index: bytes, repository: str, chart: str, version: str) -> dict[str, Any]:
    try:
        entries = yaml.load(index, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["entries"]  # noqa: S506 # nosec B506
        found = [each for each in entries.get(chart) or () if isinstance(each, dict)]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError, RecursionError):
        raise one_error(f"{repository}index.yaml is no index of a chart repository") from None
    plain = version.removeprefix("v")
    named = {each["version"]: each for each in reversed(found) if isinstance(each.get("version"), str)}
    exact = next((each for name, each in named.items() if name.removeprefix("v") == plain), None)
    if exact is None:
        there = ", ".join([*reversed(named)][:SHOWN]) or "no such chart"
        raise one_error(f"{repository} has no {chart} {version}; there is: {there}")
    return exact
