"""A bundle: the YAML files of an application, named by what they say and not by how they were packed."""

import hashlib
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .archive import Member, unpack
from .errors import BundleError, BundleErrors, Findings
from .kept import Kept
from .limits import LIMITS, Budget, BundleLimits
from .node import BASE, OVERLAY, RENDERED
from .settings import SETTINGS_FILE, read_settings
from .yaml import Document, parse

SUFFIXES = (".yaml", ".yml")
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".zip")
FORMS = "base/, overlays/ENVIRONMENT/, rendered/ENVIRONMENT.yaml or one YAML file"
FOREIGN = {
    "kustomization": "is of a kustomization that nothing names as the bundle's source: name it in slipway.yaml, or "
    "send the output of kustomize build as rendered/ENVIRONMENT.yaml",
    "Chart": "is of a Helm chart that nothing names as the bundle's source: name it in slipway.yaml, or "
    "send the output of helm template as rendered/ENVIRONMENT.yaml",
}


OPENED: Kept["Contents"] = Kept(LIMITS.kept)


class BundleFile(NamedTuple):
    path: str
    text: str


@dataclass(frozen=True)
class ManifestBundle:
    """`files` by path; `digest`, 64 hexadecimal digits, is of the files' paths and texts.

    `every_escape`: stored when `$${` stood for `${` whatever followed, and read so for ever.
    """

    files: tuple[BundleFile, ...] = field(compare=False)
    digest: str
    every_escape: bool = False

    @classmethod
    def of(cls, files: Iterable[BundleFile]) -> "ManifestBundle":
        ordered = tuple(sorted(files))
        canonical = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
        return cls(ordered, hashlib.sha256(canonical.encode()).hexdigest())

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that have files of their own."""
        found = {_environment_of(file.path) for file in self.files}
        return tuple(sorted(found - {""}))

    def to_json(self) -> str:
        return json.dumps([list(file) for file in self.files], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "ManifestBundle":
        return cls.of(BundleFile(path, content) for path, content in json.loads(text))


class Contents(NamedTuple):
    """A bundle once its YAML is read. `overlays` and `rendered` are by environment; `form` is base or rendered.

    `size` is what it holds of memory, in bytes, about.
    """

    base: tuple[Document, ...]
    overlays: dict[str, tuple[Document, ...]]
    rendered: dict[str, tuple[Document, ...]]
    settings: tuple[Document, ...]
    size: int = 0

    @property
    def form(self) -> str:
        return RENDERED if self.rendered else BASE


def read_bundle(content: bytes, filename: str, limits: BundleLimits = LIMITS) -> ManifestBundle:
    """The bundle in an archive (.tar.gz, .zip) or in one YAML file.

    Raises BundleErrors: what is wrong with the archive; or with the places of its files, their YAML and
    slipway.yaml. What depends on the environment is found by `render`.
    """
    return bundle_of(members_of(content, filename, limits), filename, limits)


def members_of(content: bytes, filename: str, limits: BundleLimits = LIMITS) -> list[Member]:
    """The files of an archive, without the one folder that may hold them all, or the one file. Raises BundleErrors."""
    if content.startswith((b"\x1f\x8b", b"PK")):
        return _below_common_folder(unpack(content, filename, limits))
    return [_single(content, filename, limits)]


def bundle_of(members: Iterable[Member], filename: str, limits: BundleLimits = LIMITS) -> ManifestBundle:
    """The bundle of these files, of which those count that are YAML. Raises BundleErrors as read_bundle does."""
    bundle = ManifestBundle.of(_texts([member for member in members if _counts(member.path)], filename))
    contents_of(bundle, limits)
    return bundle


def contents_of(bundle: ManifestBundle, limits: BundleLimits = LIMITS) -> Contents:
    """The documents of a bundle, parsed once for each digest as long as they are kept. Raises BundleErrors."""
    found = OPENED.get(bundle.digest)
    if found is None:
        found = _parsed(bundle, Budget(limits))
        OPENED.keep(bundle.digest, found, found.size)
    return found


def _parsed(bundle: ManifestBundle, budget: Budget) -> Contents:
    findings = Findings()
    contents = Contents((), {}, {}, ())
    for file in bundle.files:
        try:
            contents = _sorted_in(contents, file, budget)
        except BundleError as error:
            findings.take(error)
        if budget.is_spent:
            break
    if not findings and contents.rendered and (contents.base or contents.overlays):
        findings.take(BundleError("rendered", 0, "", "a bundle has either base/ and overlays/, or rendered/, not both"))
    if not findings and not (contents.base or contents.rendered):
        findings.take(BundleError("", 0, "", f"the bundle has no objects; it takes {FORMS}"))
    findings.check()
    return contents._replace(size=budget.memory)


def _sorted_in(contents: Contents, file: BundleFile, budget: Budget) -> Contents:
    top, _, rest = file.path.partition("/")
    environment = _environment_of(file.path)
    stem = file.path.rpartition("/")[2].rpartition(".")[0]
    if stem in FOREIGN:
        raise BundleError(file.path, 0, "", FOREIGN[stem])
    if file.path in {SETTINGS_FILE, SETTINGS_FILE.replace(".yaml", ".yml")}:
        documents = tuple(parse(file.text, file.path, budget=budget))
        read_settings(documents)
        return contents._replace(settings=documents)
    if top == "rendered" and environment:
        found = tuple(parse(file.text, file.path, RENDERED, budget))
        return contents._replace(rendered={**contents.rendered, environment: found})
    if top == "overlays" and environment:
        found = (*contents.overlays.get(environment, ()), *parse(file.text, file.path, OVERLAY, budget))
        return contents._replace(overlays={**contents.overlays, environment: found})
    if (top == "base" and rest) or not rest:
        return contents._replace(base=(*contents.base, *parse(file.text, file.path, BASE, budget)))
    raise BundleError(file.path, 0, "", f"belongs to no part of a bundle: {FORMS}")


def _environment_of(path: str) -> str:
    parts = path.split("/")
    if parts[0] == "overlays" and len(parts) > 2:
        return parts[1]
    if parts[0] == "rendered" and len(parts) == 2:
        return parts[1].rpartition(".")[0]
    return ""


def _counts(path: str) -> bool:
    """Whether a file says anything: notes, and what macOS adds to archives, do not."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))
    return path.endswith(SUFFIXES) and not hidden


def _below_common_folder(members: list[Member]) -> list[Member]:
    """Without the one folder that holds all that counts, as archives of a repository and packed charts have it."""
    counted = [member.path for member in members if _counts(member.path)]
    tops = {path.partition("/")[0] for path in counted if "/" in path}
    if len(tops) != 1 or tops & {"base", "overlays", "rendered"} or any("/" not in path for path in counted):
        return members
    top = f"{tops.pop()}/"
    return [Member(path.removeprefix(top), content) for path, content in members if path.startswith(top)]


def _single(content: bytes, filename: str, limits: BundleLimits) -> Member:
    name = filename.replace("\\", "/").rpartition("/")[2] or "bundle.yaml"
    if name.endswith(ARCHIVE_SUFFIXES):
        raise BundleErrors([BundleError(name, 0, "", "is not an archive, whatever its name says")])
    if len(content) > limits.member:
        raise BundleErrors([BundleError(name, 0, "", f"larger than {limits.member // 1024**2} MiB")])
    return Member(name if name.endswith(SUFFIXES) else f"{name}.yaml", content)


def _texts(members: list[Member], filename: str) -> list[BundleFile]:
    findings = Findings()
    files = []
    for path, content in members:
        try:
            encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
            files.append(BundleFile(path, content.decode(encoding).replace("\r\n", "\n")))
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            findings.take(BundleError(path, line, "", f"is not {error.encoding.upper()} text"))
    if not members:
        findings.take(BundleError(filename, 0, "", f"has no YAML files; a bundle takes {FORMS}"))
    findings.check()
    return files
