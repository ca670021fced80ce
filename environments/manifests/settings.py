"""slipway.yaml: what a bundle says about how it is to be rolled out."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from environments.kube.api.naming import label_fault
from environments.kube.api.paths import probe_fault

from .errors import Findings
from .node import Place, YamlNode, field_of
from .source_settings import SourceSettings, read_source
from .yaml import Document

SETTINGS_FILE = "slipway.yaml"
CHANGES = ("everyday", "major", "high-risk", "schema", "hotfix")
TAKE_OVER = ("keep", "take")
REPLACE, RENAME = "replace", "rename"
JOB_POLICIES = (REPLACE, RENAME)
ROUTERS = ("service", "nginx", "istio", "gateway")
FIELDS = {
    "smokeTests": "smoke_tests",
    "placeholderPrefix": "placeholder_prefix",
    "takeOver": "take_over",
    "wayBack": "way_back_jobs",
}
PLACEHOLDER = re.compile(r"\$\{\w+\}")
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Wave:
    """Workloads that go side by side: "NAME", "KIND/NAME" or "KIND/NAMESPACE/NAME"."""

    name: str
    workloads: tuple[str, ...]


@dataclass(frozen=True)
class RouteSetting:
    """How requests reach a workload: its Service, and the object that a router moves traffic by ("" for none).

    Without a router the bundle's objects tell which one it is.
    """

    workload: str
    service: str
    router: str = ""
    object: str = ""
    host: str = ""


@dataclass(frozen=True)
class SmokeTest:
    """One GET that must answer `status` within `timeout` seconds; `contains` must stand in the answer.

    `service` is a name in the environment's namespace or NAMESPACE/NAME.
    """

    name: str
    service: str
    port: int
    path: str = "/"
    status: int = 200
    contains: str = ""
    timeout: float = 3.0


@dataclass(frozen=True)
class SlipwayFile:
    """`change` is the kind of change, one of CHANGES, or "" where the bundle does not say.

    `placeholders` are names that are replaced in the bundle, beside those of configuration; `placeholder_prefix` makes
    a placeholder of every name that begins with it, "" of none. `source` is what the bundle was rendered from.
    `take_over` says what becomes of the labels and annotations by which other tools know what they brought: one of
    TAKE_OVER.
    `jobs` says what becomes of a Job whose template has changed, one of JOB_POLICIES, by a name as waves have it.
    `way_back_jobs` are Jobs of the bundle that undo it: they run on the way back from it, and never forward.
    """

    change: str = ""
    waves: tuple[Wave, ...] = ()
    routes: tuple[RouteSetting, ...] = ()
    smoke_tests: tuple[SmokeTest, ...] = ()
    placeholders: tuple[str, ...] = ()
    placeholder_prefix: str = ""
    take_over: str = "keep"
    source: SourceSettings | None = None
    jobs: Mapping[str, str] = field(default_factory=dict)
    way_back_jobs: tuple[str, ...] = ()

    @cached_property
    def wave_of(self) -> Mapping[str, int]:
        """The number of the first wave that names a workload, by that name."""
        return {name: number for number, wave in reversed([*enumerate(self.waves)]) for name in wave.workloads}


def read_settings(documents: Sequence[Document]) -> SlipwayFile:
    """Raises BundleErrors for a key that is not known, a value of a wrong type, and one that is missing."""
    if not documents:
        return SlipwayFile()
    findings = Findings()
    reader = _SettingsReader(findings)
    if len(documents) > 1:
        findings.add(documents[1].node.origin, "", f"{SETTINGS_FILE} takes one document")
    top = reader.fields(
        documents[0].node,
        (),
        change=_one_of(CHANGES),
        waves=_many(_wave),
        routes=_many(_route),
        smokeTests=_many(_smoke_test),
        placeholders=_many(_name),
        placeholderPrefix=_name,
        takeOver=_one_of(TAKE_OVER),
        source=read_source,
        jobs=_by_name(_one_of(JOB_POLICIES)),
        wayBack=_way_back,
    )
    findings.check()
    return SlipwayFile(**{FIELDS.get(key, key): value for key, value in top.items()})


class _SettingsReader:
    def __init__(self, findings: Findings) -> None:
        self.findings = findings

    def fields(self, node: YamlNode, place: Place, required: Sequence[str] = (), **readers: "Read") -> dict[str, Any]:
        """The known fields of a map, each read by its reader; what is wrong is left out and reported."""
        if not isinstance(node.value, dict):
            self.tell(node, place, f"a map with {', '.join(readers)} is needed")
            return {}
        found = {}
        for key, child in node.value.items():
            if key not in readers:
                close = self.findings.close_to(key, readers)
                self.tell(child, (*place, key), f"unknown{f', did you mean {close}?' if close else ''}")
            elif (value := readers[key](self, child, (*place, key))) is not None:
                found[key] = value
        for key in required:
            if key not in node.value:
                self.tell(node, (*place, key), "is missing")
        return found

    def tell(self, node: YamlNode, place: Place, message: str) -> None:
        self.findings.add(node.origin, field_of(place), message)


Read = Callable[[_SettingsReader, YamlNode, Place], Any]


def _text(reader: _SettingsReader, node: YamlNode, place: Place) -> str | None:
    if isinstance(node.value, str) and node.value:
        return str(node.value)
    reader.tell(node, place, "text is needed")
    return None


def _name(reader: _SettingsReader, node: YamlNode, place: Place) -> str | None:
    """Of a placeholder, or how such names begin: without the ${ and } around it."""
    if isinstance(node.value, str) and NAME.fullmatch(node.value):
        return str(node.value)
    reader.tell(node, place, "a name such as APP_HOST is needed, without ${}")
    return None


def _number(lowest: float, highest: float, kind: type) -> Read:
    def read(reader: _SettingsReader, node: YamlNode, place: Place) -> Any:
        good = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        if good and lowest <= node.value <= highest and kind(node.value) == node.value:
            return kind(node.value)
        reader.tell(node, place, f"a number from {lowest:g} to {highest:g} is needed")
        return None

    return read


def _one_of(choices: Sequence[str]) -> Read:
    def read(reader: _SettingsReader, node: YamlNode, place: Place) -> str | None:
        if isinstance(node.value, str) and node.value in choices:
            return str(node.value)
        reader.tell(node, place, f"is one of {', '.join(choices)}")
        return None

    return read


def _service(reader: _SettingsReader, node: YamlNode, place: Place) -> str | None:
    names = _filled(node).split("/")
    if len(names) <= 2 and not any(map(label_fault, names)):
        return str(node.value)
    reader.tell(node, place, "the name of a Service is needed, or NAMESPACE/NAME")
    return None


def _path(reader: _SettingsReader, node: YamlNode, place: Place) -> str | None:
    if fault := probe_fault(_filled(node)):
        reader.tell(node, place, fault)
        return None
    return str(node.value)


def _filled(node: YamlNode) -> str:
    """The text as if its placeholders were filled in; "" for what is no text."""
    return PLACEHOLDER.sub("x", node.value) if isinstance(node.value, str) else ""


def _many(read_one: Read) -> Read:
    def read(reader: _SettingsReader, node: YamlNode, place: Place) -> tuple[Any, ...]:
        if not isinstance(node.value, list):
            reader.tell(node, place, "a list is needed")
            return ()
        read_all = [read_one(reader, child, (*place, index)) for index, child in enumerate(node.value)]
        return tuple(one for one in read_all if one is not None)

    return read


def _by_name(read_one: Read) -> Read:
    def read(reader: _SettingsReader, node: YamlNode, place: Place) -> Mapping[str, Any]:
        if not isinstance(node.value, dict):
            reader.tell(node, place, "a map by name is needed")
            return {}
        read_all = {name: read_one(reader, child, (*place, name)) for name, child in node.value.items()}
        return {name: value for name, value in read_all.items() if value is not None}

    return read


def _way_back(reader: _SettingsReader, node: YamlNode, place: Place) -> tuple[str, ...]:
    found = reader.fields(node, place, ("jobs",), jobs=_many(_text))
    return tuple(found.get("jobs", ()))


def _wave(reader: _SettingsReader, node: YamlNode, place: Place) -> Wave | None:
    found = reader.fields(node, place, ("name", "workloads"), name=_text, workloads=_many(_text))
    return Wave(**found) if len(found) == 2 else None


def _route(reader: _SettingsReader, node: YamlNode, place: Place) -> RouteSetting | None:
    required = ("workload", "service")
    found = reader.fields(
        node, place, required, workload=_text, service=_service, router=_one_of(ROUTERS), object=_text, host=_text
    )
    return RouteSetting(**found) if set(required) <= set(found) else None


def _smoke_test(reader: _SettingsReader, node: YamlNode, place: Place) -> SmokeTest | None:
    required = ("name", "service", "port")
    found = reader.fields(
        node,
        place,
        required,
        name=_text,
        service=_service,
        port=_number(1, 65535, int),
        path=_path,
        status=_number(100, 599, int),
        contains=_text,
        timeout=_number(0.1, 30, float),
    )
    return SmokeTest(**found) if set(required) <= set(found) else None
