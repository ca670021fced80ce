"""Kustomizations: base and overlays, or one for all environments; everything that they name is in the bundle."""

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import yaml

from environments.manifests.archive import Member
from environments.manifests.errors import BundleError, BundleErrors
from environments.manifests.source_settings import KustomizeSettings
from environments.sources.base import Made, RenderPlace, SourceKind, SourceTree, Tools, one_error
from environments.sources.programs import Program, ProgramFailed, run

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
OVERLAY = re.compile(r"overlays/([^/]+)/(?:kustomization\.ya?ml|Kustomization)")
# Lists of what is loaded, and keys below which a file is named.
LOADED = frozenset({
    "resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators",
    "patchesStrategicMerge", "files", "envs",
})  # fmt: skip
NAMED = frozenset({"path", "env", "valuesFile", "file"})
# Each would run a program, or fetch.
REFUSED = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
REMOTE = re.compile(
    r"\A(?:[A-Za-z][A-Za-z0-9+.-]*::?//|git@|[^/\s]+@[^/\s]+:|(?:github|gitlab|bitbucket)\.\w+[/:])|\?ref="
)
PLACE = re.compile(r"([\w./-]+\.ya?ml)\D{0,40}?line (\d+)")
LONGEST = 1000
# As kubectl logs what went wrong.
LOGGED = re.compile(r'\A[EW]\d{4} .*?\] "command failed" err="(.*)"\Z', re.DOTALL)


class Kustomize(SourceKind):
    name = "kustomize"
    settings = KustomizeSettings

    def detect(self, paths: Collection[str]) -> KustomizeSettings | None:
        overlays = {match[1]: f"overlays/{match[1]}" for path in paths if (match := OVERLAY.fullmatch(path))}
        if any(name in paths for name in FILES):
            return KustomizeSettings("", overlays)
        if overlays or any(f"base/{name}" in paths for name in FILES):
            return KustomizeSettings("" if overlays else "base", overlays)
        return None

    def make(self, tree: SourceTree, settings: KustomizeSettings, places: Sequence[RenderPlace], tools: Tools) -> Made:
        program = tools.program(self.name)
        _check(tree)
        wanted = _folders(tree, settings, places)
        if not wanted:
            named = ", ".join(settings.overlays) or "none"
            raise one_error(f"no environment of the portal has a kustomization here; there are overlays of: {named}")
        files = [
            Member(f"rendered/{environment}.yaml", _built(program, tree, folder, environment).encode())
            for environment, folder in wanted.items()
        ]
        return Made(files, {"program": self.name, "version": _version(program, tree)})


def _folders(tree: SourceTree, settings: KustomizeSettings, places: Sequence[RenderPlace]) -> dict[str, str]:
    """The folder of each environment that has one."""
    usual = settings.path if any(_file(settings.path, name) in tree.paths for name in FILES) else None
    found = {place.environment: settings.overlays.get(place.environment, usual) for place in places}
    folders = {environment: folder for environment, folder in found.items() if folder is not None}
    for folder in folders.values():
        if not any(_file(folder, name) in tree.paths for name in FILES):
            raise one_error(f"has no {FILES[0]}", folder)
    return folders


def _file(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _built(program: Program, tree: SourceTree, folder: str, environment: str) -> str:
    arguments = [*_build(program), folder or ".", "--load-restrictor=LoadRestrictionsRootOnly"]
    try:
        return run(program, arguments, tree.scratch, folder=tree.folder)
    except ProgramFailed as failed:
        raise _told(failed.said, tree, folder, environment) from None


def _build(program: Program) -> list[str]:
    """kubectl has it as a word of its own, which is in the setting."""
    return [] if program.command[1:] else ["build"]


def _version(program: Program, tree: SourceTree) -> str:
    asked = ["version", "--client"] if program.command[1:] else ["version"]
    try:
        said = run(Program(program.command[:1]), asked, tree.scratch, folder=tree.folder)
    except ProgramFailed:
        return "unknown"
    own = re.search(r"Kustomize Version: (\S+)", said)
    return f"{own[1]} (kubectl)" if own else said.strip()[:100]


def _told(said: str, tree: SourceTree, folder: str, environment: str) -> BundleErrors:
    logged = LOGGED.match(said)
    plain = logged[1].replace('\\"', '"') if logged else said
    words = plain.removeprefix("error: ").removeprefix("Error: ").replace("files/", "")[:LONGEST]
    found = PLACE.search(words)
    file = next((_file(folder, name) for name in FILES if _file(folder, name) in tree.paths), folder)
    path, line = (found[1], int(found[2])) if found else (file, 0)
    return one_error(f"kustomize for {environment}: {words}", path, line)


def _check(tree: SourceTree) -> None:
    """Refuses whatever is not in the bundle, before the program could look for it elsewhere."""
    errors: list[BundleError] = []
    for path in sorted(tree.paths):
        if posixpath.basename(path) in FILES:
            errors += _wrong(path, tree.at(path).read_bytes())
    if errors:
        raise BundleErrors(errors)


def _wrong(path: str, content: bytes) -> Iterator[BundleError]:
    try:
        root = yaml.compose(content, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        yield BundleError(path, mark.line + 1 if mark else 0, "", f"is no YAML: {getattr(error, 'problem', error)}")
        return
    for key, node in _loaded(root):
        if key in REFUSED:
            words = "is not taken: a chart is rendered by Slipway, see source.helm in slipway.yaml"
            yield BundleError(path, node.start_mark.line + 1, key, words)
        elif _is_elsewhere(path, name := _name(key, node)):
            words = f"{name[:200]} is elsewhere; send it with the bundle: what a release brings never changes"
            yield BundleError(path, node.start_mark.line + 1, key, words)


def _is_elsewhere(path: str, name: str) -> bool:
    """Whether a name in a kustomization is an address, or leads out of the bundle."""
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    return bool(REMOTE.search(name)) or place == ".." or place.startswith(("../", "/"))


def _loaded(node: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """(key, scalar) of whatever the kustomization loads, and the keys that are refused."""
    if depth > 20 or not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        return
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(None, each) for each in node.value]
    for key, value in pairs:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in REFUSED:
            yield name, key
        elif isinstance(value, yaml.ScalarNode):
            if name in NAMED or name in LOADED:
                yield name, value
        elif name in LOADED and isinstance(value, yaml.SequenceNode):
            yield from ((name, each) for each in value.value if isinstance(each, yaml.ScalarNode))
        else:
            yield from _loaded(value, depth + 1)


def _name(key: str, node: Any) -> str:
    """The scalar; of "KEY=FILE" the file; of a text of several lines, which is no name, nothing."""
    text = str(node.value)
    named = text.partition("=")[2] if key == "files" else ""
    return "" if "\n" in text else named or text


SOURCE = Kustomize()
