"""Helm charts that are kept in a registry."""

import hashlib
import json
from typing import Any

from environments.registry.client import RegistryQuestion, RegistryTerms
from environments.registry.errors import ImageAbsent, RegistryError
from environments.registry.reference import DIGEST, parse

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def pull_chart(reference: str, terms: RegistryTerms, limit: int) -> bytes:
    """The packed chart, at most `limit` bytes, which is what its digests say. Raises RegistryError."""
    return _ChartQuestion(parse(reference), terms).chart(limit)


class _ChartQuestion(RegistryQuestion):
    """A chart: its manifest, and the layer that holds it."""

    def chart(self, limit: int) -> bytes:
        answer = self._manifest("GET")
        self._judge(answer)
        self._expected(self._computed(answer, answer.headers.get("docker-content-digest", "")))
        digest = self._layer(answer.body)
        self._url, self._most = self._address_of(f"blobs/{digest}"), limit
        answer = self._manifest("GET")
        self._judge(answer)
        if f"sha256:{hashlib.sha256(answer.body).hexdigest()}" != digest:
            raise RegistryError(f"{self._address} sends another chart than its manifest names.")
        return answer.body

    def _layer(self, manifest: bytes) -> str:
        try:
            layers: Any = json.loads(manifest).get("layers") or ()
            found = next(str(each["digest"]) for each in layers if each.get("mediaType") == CHART_LAYER)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError, StopIteration):
            raise ImageAbsent(f"{self._address} has no Helm chart as {self._image.repository}.") from None
        if not DIGEST.fullmatch(found) or not found.startswith("sha256:"):
            raise RegistryError(f"{self._address} names the chart by what is no digest.")
        return found
