"""Asking an environment's Prometheus: one question, one answer or an error in plain words.

The session is handed in; what it does not try again is for whoever asks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from common.urls import shown
from environments.http_session import CallFailed, CallRefused, HttpAnswer, HttpSession

CONNECT_SECONDS = 2.0
ANSWER_BYTES = 4 * 1024 * 1024
LONGEST = 300  # characters of somebody else's words that are passed on
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
WORDS = {
    401: "it wants a token, or another one (401)",
    403: "the token may not ask it (403)",
    404: "there is no Prometheus API under this address (404)",
    429: "it has too much to do (429)",
}


class PrometheusError(Exception):
    """No answer, or none to this question. `transient`: asking again later may help; otherwise somebody has to act."""

    def __init__(self, words: str, *, transient: bool) -> None:
        super().__init__(words)
        self.transient = transient


@dataclass(frozen=True)
class Series:
    """One series. `points`: (seconds since the epoch, value), oldest first; values may be NaN and infinite."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class QueryAnswer:
    """What a query gave: no series is an answer too. `warnings` are Prometheus' own words."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()


class Prometheus:
    """A Prometheus, or what speaks its HTTP API, at `url` (with its path prefix, if it has one).

    `session` makes the calls; `token` is sent as a bearer token; `timeout` holds for a whole answer, in seconds.
    ValueError says what is wrong with an address.
    """

    def __init__(self, url: str, session: HttpSession, *, token: str = "", timeout: float = 5.0) -> None:
        self._base = check_url(url)
        self._host = urlsplit(url).netloc
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._seconds = timeout
        self._session = session

    def query(self, promql: str, at: float | None = None) -> QueryAnswer:
        """What the query gives at a moment (seconds since the epoch; None: now). Raises PrometheusError."""
        moment = {} if at is None else {"time": f"{at:.3f}"}
        return self._ask("query", {"query": promql, **moment})

    def query_range(self, promql: str, start: float, end: float, step: float) -> QueryAnswer:
        """What the query gives from `start` to `end` every `step` seconds. Raises PrometheusError."""
        span = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return self._ask("query_range", {"query": promql, **span})

    def _ask(self, path: str, parameters: Mapping[str, str]) -> QueryAnswer:
        answer = self._exchange(f"{self._base}/api/v1/{path}?{urlencode(parameters)}")
        if 300 <= answer.status < 400:
            to = shown(answer.headers.get("location", "another address"))[:LONGEST]
            raise self._error(f"it answers with a redirect to {to}: give the address that it leads to")
        data = _json(answer.body)
        if answer.status >= 300 or data.get("status") != "success":
            raise self._refusal(answer.status, data)
        return read_answer(data)

    def _exchange(self, url: str) -> HttpAnswer:
        timeout = (min(CONNECT_SECONDS, self._seconds), self._seconds)
        try:
            return self._session.call("GET", url, headers=self._headers, timeout=timeout, limit=ANSWER_BYTES)
        except CallFailed as error:
            hint = ": aggregate in the query" if error.too_long else ""
            raise self._error(f"{error.why}{hint}", transient=not error.lasts) from None
        except CallRefused as error:
            raise self._error(str(error).rstrip(".")) from None

    def _refusal(self, status: int, data: Mapping[str, Any]) -> PrometheusError:
        kind, said = data.get("errorType"), str(data.get("error", ""))[:LONGEST]
        if kind in ("bad_data", "execution"):
            return self._error(f"it refuses the query: {said}")
        if kind:
            return self._error(f"{said} ({kind})", transient=True)
        if status < 300:
            return self._error("this is not a Prometheus: the answer is none of its API")
        return self._error(WORDS.get(status, f"it answers with {status}"), transient=status in LATER)

    def _error(self, words: str, *, transient: bool = False) -> PrometheusError:
        return PrometheusError(f"Prometheus at {self._host}: {words}.", transient=transient)


def check_url(url: str) -> str:
    """The address without a slash at its end. ValueError says what is wrong with it."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError(
            f"{shown(url)[:100]!r} is no address of a Prometheus; one is like http://prometheus.monitoring:9090."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"The address of {parts.hostname} has more than a path; a token has a field of its own.")
    return url.rstrip("/")


def only(answer: QueryAnswer) -> Series | None:
    """The one series of an answer, None where there is none. PrometheusError where the query gives several."""
    if len(answer.series) > 1:
        names = ", ".join(sorted(_differing(answer.series))[:5])
        raise PrometheusError(
            f"The query gives {len(answer.series)} series where one is wanted: aggregate, for example with sum(…)."
            + (f" They differ in {names}." if names else ""),
            transient=False,
        )
    return answer.series[0] if answer.series else None


def read_answer(data: Mapping[str, Any]) -> QueryAnswer:
    """The answer in a body of Prometheus' API. Pure. PrometheusError where it is none."""
    try:
        found = data["data"]
        warnings = tuple(str(words)[:LONGEST] for words in data.get("warnings") or ())
        return QueryAnswer(_series(found["resultType"], found["result"]), warnings)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise PrometheusError("This is not a Prometheus: its answer cannot be read.", transient=False) from error


def _series(kind: str, result: Any) -> tuple[Series, ...]:
    if kind == "scalar":
        return (Series({}, (_point(result),)),)
    if kind == "vector":
        return tuple(Series(dict(each["metric"]), (_point(each["value"]),)) for each in result)
    if kind == "matrix":
        return tuple(Series(dict(each["metric"]), tuple(map(_point, each["values"]))) for each in result)
    raise PrometheusError(f"The query gives a {kind} where numbers are wanted.", transient=False)


def _point(pair: Any) -> tuple[float, float]:
    at, value = pair
    return float(at), float(value)


def _differing(series: tuple[Series, ...]) -> set[str]:
    names = {name for each in series for name in each.labels}
    return {name for name in names if len({each.labels.get(name) for each in series}) > 1}


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
