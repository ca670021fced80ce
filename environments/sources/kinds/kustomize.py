"""Kustomizations: base and overlays, or one for all environments; everything that they name is in the bundle."""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import yaml

from environments.manifests.archive import Member
from environments.manifests.errors import BundleError, BundleErrors
from environments.manifests.source_settings import KustomizeSettings
from environments.sources.base import Made, RenderPlace, SourceKind, SourceTree, Tools, one_error
from environments.sources.programs import Program, ProgramFailed, run

FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
OVERLAY = re.compile(r"overlays/([^/]+)/(?:kustomization\.ya?ml|Kustomization)")
# Lists of what is loaded, and keys below which a file is named; in lower case.
LOADED = frozenset({
    "resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators",
    "patchesstrategicmerge", "files", "envs",
})  # fmt: skip
NAMED = frozenset({"path", "env", "valuesfile", "additionalvaluesfiles", "file"})
INLINE = frozenset({"patchesstrategicmerge", "generators", "transformers", "validators"})
# Each would run a program, or fetch.
REFUSED = frozenset({"helmcharts", "helmchartinflationgenerator", "helmglobals"})
# What kustomize has built in is told by files, too.
BUILTIN = re.compile(rb"apiVersion[\"']?\s*:\s*[\"']?builtin", re.IGNORECASE)
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
        content = tree.at(path).read_bytes()
        if posixpath.basename(path) in FILES or BUILTIN.search(content):
            errors += _wrong(path, content)
    if errors:
        raise BundleErrors(errors)


def _wrong(path: str, content: bytes) -> Iterator[BundleError]:
    try:
        roots = list(yaml.compose_all(content, Loader=LOADER))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        yield BundleError(path, mark.line + 1 if mark else 0, "", f"is no YAML: {getattr(error, 'problem', error)}")
        return
    for key, node in _loaded(roots):
        if words := _refusal(path, key, str(node.value)):
            yield BundleError(path, node.start_mark.line + 1, key, words)


def _refusal(path: str, key: str, text: str) -> str:
    """Why what the kustomization loads there is not taken; "" where it is."""
    if key.lower() in REFUSED:
        return "is not taken: a chart is rendered by Slipway, see source.helm in slipway.yaml"
    if "\n" in text.strip() and key.lower() in INLINE:
        return "" if key.lower() == "patchesstrategicmerge" else "has to be a file of its own"
    # Of KEY=FILE the file, whichever of them kustomize takes it for.
    if any(_is_elsewhere(path, name) for name in {text, text.strip(), text.strip().partition("=")[2]}):
        return f"{text[:200]} is elsewhere; send it with the bundle: what a release brings never changes"
    return ""


def _is_elsewhere(path: str, name: str) -> bool:
    """Whether a name in a kustomization is an address, or leads out of the bundle."""
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    return bool(REMOTE.search(name)) or place == ".." or place.startswith(("../", "/"))


def _loaded(roots: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """(key, scalar) of whatever is loaded, and the keys that are refused; each node once, whatever refers to it."""
    waiting, seen = list(roots), set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            continue
        seen.add(id(node))
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(None, each) for each in node.value]
        for key, value in pairs:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            yield from _at(name, key, value)
            waiting.append(value)


def _at(name: str, key: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """What one field loads. Go reads the names of fields in any case."""
    if name.lower() in REFUSED:
        yield name, key
    elif name.lower() in NAMED | LOADED and isinstance(value, yaml.ScalarNode):
        yield name, value
    elif name.lower() in LOADED and isinstance(value, yaml.SequenceNode):
        yield from ((name, each) for each in value.value if isinstance(each, yaml.ScalarNode))


SOURCE = Kustomize()
