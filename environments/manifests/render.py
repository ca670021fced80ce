"""Renders a bundle for an environment: complete objects, in the order of their stages, or every error at once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from environments.kube.names import APPLICATION, JOB, MANAGED, STABLE, TRACK, TRACKING, WAVE
from environments.kube.objects import Manifest, Ref, tracking_of
from kube_schema import recorded

from .assemble import assemble
from .bundle import ManifestBundle
from .configuration import ConfiguredValue, encode_string_data, set_entry, stamp, takes
from .conform import Conformer
from .definitions import KindDefinition
from .errors import BundleError, BundleErrors, Findings
from .exported import cleaned
from .hooks import Hook
from .images import ImageMap, replace_images, repository_of, uses
from .kinds import DEFAULT_KINDS, GROUPS_READ
from .limits import LIMITS
from .node import PORTAL, Origin, YamlNode, field_of, find, leaves, plain, put, text_at, without
from .notes import EMPTIED, WRITTEN_BY_SERVER, ReadingNote, left_in
from .order import STAGES, BundleOrder, names_of
from .piece import Piece
from .placeholders import UNDECLARED
from .removed import removed_words
from .settings import JOB_POLICIES, RENAME, SlipwayFile
from .target import RenderTarget

FROM_PORTAL = Origin(PORTAL)
JOB_NAME = 54  # characters of a Job's own name before the nine of its content: 63 in all, as its pods' labels take


@dataclass(frozen=True)
class Rendered:
    """One object, complete for a server-side apply.

    `stage` is one of order.STAGES, `wave` a number (0 for what is no workload), `source` the file and line where the
    object begins: "base/agent.yaml line 12".
    """

    manifest: Manifest = field(repr=False)
    ref: Ref
    stage: str
    wave: int
    source: str
    _tree: YamlNode = field(repr=False, compare=False)
    hook: Hook | None = None
    job: str = ""
    """What the bundle says of a Job whose template has changed, one of settings.JOB_POLICIES; "" for nothing."""

    @cached_property
    def provenance(self) -> Mapping[str, Origin]:
        """Where every value came from, by its field: "spec.template.spec.containers[0].image"."""
        return {field_of(place): node.origin for place, node in leaves(self._tree)}


@dataclass(frozen=True)
class Rendering:
    """`unused` says in sentences which images and which configuration nothing in the bundle asked for.

    `notes` say what was read otherwise than it may seem.
    `left_out`: hooks of other occasions, "Job cleanup (helm.sh/hook: pre-delete)".
    """

    objects: tuple[Rendered, ...]
    settings: SlipwayFile
    unused: tuple[str, ...] = ()
    notes: tuple[ReadingNote, ...] = ()
    left_out: tuple[str, ...] = ()


def render(bundle: ManifestBundle, environment: RenderTarget, images: Mapping[str, str]) -> Rendering:
    """The objects of `bundle` in `environment`, their images replaced by `images` (images.py says by which rule).

    Raises BundleErrors with everything that is wrong; nothing is rendered by half.
    """
    findings = Findings()
    assembly = assemble(bundle, environment, findings)
    _check_number_of_images(assembly.pieces)
    notes = list(assembly.notes)
    notes += [
        note for piece in assembly.pieces for note in left_in(piece.node, piece.kind_id, piece.text, assembly.declared)
    ]
    works = [_finish(piece, environment, assembly.definitions, findings, notes) for piece in assembly.pieces]
    works, used = _with_images(works, images, findings)
    manifests = (plain(piece.node) for piece in works if piece.hook is None)
    order = BundleOrder.of(manifests, assembly.settings, first=environment.first)
    objects = [_rendered(each, order, findings) for each in _stamped(works, environment)]
    findings.check()
    objects.sort(key=_position)
    unused = _unused(works, environment, images, used)
    return Rendering(tuple(objects), assembly.settings, unused, tuple(notes), assembly.left_out)


def images_needed(bundle: ManifestBundle, environment: RenderTarget, images: Mapping[str, str]) -> tuple[str, ...]:
    """The image references of the bundle that neither `images` nor a digest settles, as the bundle writes them.

    Resolve them and add them to `images` before rendering. Raises BundleErrors as `render` does.
    """
    findings = Findings()
    pieces = _checked(bundle, environment, findings)
    _check_number_of_images(pieces)
    used = [use for piece in pieces for use in uses(piece.node, piece.kind_id)]
    covering = ImageMap(images, frozenset(repository_of(use.node.value) for use in used))
    open_uses = [use for use in used if "@sha256:" not in use.node.value and not covering.covers(use.node.value)]
    for use in open_uses:
        if "${" in use.node.value:
            findings.add(use.node.origin, field_of(use.place), f"{use.node.value} is no image: {UNDECLARED}")
    findings.check()
    return tuple(sorted({use.node.value for use in open_uses}))


def refs_of(bundle: ManifestBundle, environment: RenderTarget) -> tuple[Ref, ...]:
    """What the bundle has for an environment, but for hooks. Raises BundleErrors where it cannot be there."""
    pieces = _checked(bundle, environment, Findings())
    return tuple(Ref(each.api_version, each.kind, each.namespace, each.name) for each in pieces if each.hook is None)


def _checked(bundle: ManifestBundle, environment: RenderTarget, findings: Findings) -> list[Piece]:
    """The objects, each of a kind and in a place that the environment allows. Raises BundleErrors."""
    assembly = assemble(bundle, environment, findings)
    for piece in assembly.pieces:
        _check_place(piece, environment, findings, assembly.definitions.get(piece.kind_id))
    findings.check()
    return assembly.pieces


def _finish(
    piece: Piece,
    target: RenderTarget,
    own: Mapping[str, KindDefinition],
    findings: Findings,
    notes: list[ReadingNote],
) -> Piece:
    definition = own.get(piece.kind_id)
    _check_place(piece, target, findings, definition)
    reads = piece.api_version.rpartition("/")[0] in GROUPS_READ
    conformer = Conformer(findings, secret=piece.kind_id == "Secret", drops_nulls=reads)
    written = cleaned(piece.node, piece.kind_id)
    # As the API server does: charts name a namespace everywhere.
    placed = written.node if piece.namespace else without(written.node, ("metadata", "namespace"))
    schema = definition.schema(piece.api_version) if definition else _schema_of(piece, findings)
    node = conformer.conform(placed, schema)
    if written.taken:
        notes.append(ReadingNote(WRITTEN_BY_SERVER, piece.text, written.taken))
    if conformer.emptied:
        notes.append(ReadingNote(EMPTIED, piece.text, tuple(conformer.emptied)))
    if piece.kind_id == "Secret":
        node = encode_string_data(node)
    for entry in target.configuration:
        if takes(piece.kind_id, piece.namespace, piece.name, entry):
            node = set_entry(node, piece.kind_id, entry)
    return piece._replace(node=_marked(piece._replace(node=node), target))


def _check_place(piece: Piece, target: RenderTarget, findings: Findings, own: KindDefinition | None) -> None:
    """Reports a kind or a namespace that the environment does not allow; of a kind that has moved, where it is.

    `own` is the bundle's own definition of the kind: who may define kinds may have objects of them.
    """
    if words := removed_words(piece.api_version, piece.kind) or _not_served(piece, own):
        _tell(piece, ("apiVersion",), words, findings)
    elif not (own or target.allows_kind(piece.kind_id) or _is_hook_pod(piece)):
        _tell(piece, ("kind",), _not_allowed(piece, target, findings), findings)
    if not piece.namespace:
        if piece.kind_id == "Namespace" and not target.allows_namespace(piece.name):
            _tell(piece, ("metadata", "name"), f"{target.name} does not allow the namespace {piece.name}", findings)
    elif not target.allows_namespace(piece.namespace):
        _tell(
            piece, ("metadata", "namespace"), f"{target.name} does not allow the namespace {piece.namespace}", findings
        )


def _not_allowed(piece: Piece, target: RenderTarget, findings: Findings) -> str:
    kinds = [*(DEFAULT_KINDS if target.allowed_kinds is None else target.allowed_kinds), *target.more_kinds]
    close = findings.close_to(piece.kind, (kind.partition(".")[0] for kind in kinds), 0.8)
    hint = f", did you mean {close}?" if close and close != piece.kind else ""
    advice = hint or f'; who administers {target.name} adds it to its "More kinds"'
    return f"{target.name} does not allow objects of kind {piece.kind_id}{advice}"


def _not_served(piece: Piece, own: KindDefinition | None) -> str:
    """Where the bundle's own definition has the kind, if not in this version; "" for any other."""
    group, _, version = piece.api_version.rpartition("/")
    if own is None or version in own.schemas:
        return ""
    served = [f"{group}/{name}" for name in own.schemas]
    return f"the bundle's definition of {piece.kind} has no {piece.api_version}; it has {' and '.join(served)}"


def _is_hook_pod(piece: Piece) -> bool:
    """A Pod that a step runs to its end, as a Job."""
    return piece.kind_id == "Pod" and piece.hook is not None


def _tell(piece: Piece, place: tuple[str, ...], message: str, findings: Findings) -> None:
    findings.add((find(piece.node, *place) or piece.node).origin, field_of(place), message)


def _schema_of(piece: Piece, findings: Findings) -> Any:
    kind = recorded().root(piece.api_version, piece.kind)
    if kind is None and not removed_words(piece.api_version, piece.kind):
        group = piece.api_version.rpartition("/")[0]
        better = [version for version in _served(piece.kind) if version.rpartition("/")[0] == group]
        if better:
            _tell(piece, ("apiVersion",), _elsewhere(piece, better), findings)
    return kind


def _served(kind: str) -> list[str]:
    """The versions that have a kind of this name."""
    return [name.rpartition("/")[0] for name in recorded().kinds if name.endswith(f"/{kind}")]


def _elsewhere(piece: Piece, versions: Sequence[str]) -> str:
    return f"{piece.api_version} has no {piece.kind}; it is in {' and '.join(versions)}"


def _marked(piece: Piece, target: RenderTarget) -> YamlNode:
    """The object with its namespace, our labels and the tracking annotation."""
    node = piece.node
    if piece.namespace and text_at(node, "metadata", "namespace") != piece.namespace:
        node = put(node, ("metadata", "namespace"), YamlNode(piece.namespace, FROM_PORTAL))
    for name, value in _labels(target).items():
        node = put(node, ("metadata", "labels", name), YamlNode(value, FROM_PORTAL))
    if piece.kind_id == "Deployment.apps":
        # So that a canary, or another colour, can be told apart from it later.
        node = put(node, ("spec", "template", "metadata", "labels", TRACK), YamlNode(STABLE, FROM_PORTAL))
    tracking = tracking_of(target.owner.mark, _ref_of(piece))
    return put(node, ("metadata", "annotations", TRACKING), YamlNode(tracking, FROM_PORTAL))


def _labels(target: RenderTarget) -> dict[str, str]:
    """The environment's labels and our own; what a bundle has under other names is its business."""
    return {**target.labels, APPLICATION: target.application, MANAGED: "true"}


def _check_number_of_images(pieces: Sequence[Piece]) -> None:
    """Each is looked up and put in for itself, so their number counts more than that of other values."""
    count = sum(1 for piece in pieces for _ in uses(piece.node, piece.kind_id))
    if count > LIMITS.images:
        words = f"the bundle runs {count:,} images; {LIMITS.images:,} are the most"
        raise BundleErrors([BundleError("", 0, "", words)])


def _with_images(works: list[Piece], images: Mapping[str, str], findings: Findings) -> tuple[list[Piece], set[str]]:
    named = frozenset(repository_of(use.node.value) for piece in works for use in uses(piece.node, piece.kind_id))
    mapping = ImageMap(images, named)
    replaced, used = [], set()
    for piece in works:
        node, keys = replace_images(piece.node, piece.kind_id, mapping, findings)
        replaced.append(piece._replace(node=node))
        used |= keys
    return replaced, used


def _stamped(works: list[Piece], target: RenderTarget) -> list[Piece]:
    """The workloads with the digest of the configuration that they read."""
    known: dict[str, dict[str, Any]] = {}
    for piece in works:
        if piece.kind_id in {"ConfigMap", "Secret"}:
            contents = {
                name: plain(piece.node.value[name]) for name in ("data", "binaryData") if name in piece.node.value
            }
            known.setdefault(piece.namespace, {})[f"{piece.kind}/{piece.name}"] = contents
    return [
        piece._replace(
            node=stamp(piece.node, piece.kind, _ref_of(piece).key, known.get(piece.namespace, {}), target.digest_key)
        )
        for piece in works
    ]


def _rendered(piece: Piece, order: BundleOrder, findings: Findings) -> Rendered:
    manifest: Manifest = plain(piece.node)
    stage, wave = ("hooks", 0) if piece.hook else _place_of(piece, manifest, order, findings)
    policy = _job_policy(piece, order.settings, findings)
    if policy == RENAME and not piece.hook:
        piece, manifest = _named_by_content(piece, manifest)
    origin = piece.node.origin
    source = f"{origin.path} line {origin.line}"
    return Rendered(manifest, _ref_of(piece), stage, wave, source, piece.node, piece.hook, policy)


def _position(each: Rendered) -> tuple[Any, ...]:
    hook = each.hook.place(each.ref.kind, each.ref.name) if each.hook else ()
    return STAGES.index(each.stage), each.wave, hook, each.ref.kind, each.ref.namespace, each.ref.name


def _place_of(piece: Piece, manifest: Manifest, order: BundleOrder, findings: Findings) -> tuple[str, int]:
    try:
        return order.place_of(manifest)
    except ValueError as error:
        _tell(piece, ("metadata", "annotations", WAVE), str(error), findings)
        return "after", 0


def _job_policy(piece: Piece, settings: SlipwayFile, findings: Findings) -> str:
    if piece.kind_id != "Job.batch":
        return ""
    said = text_at(piece.node, "metadata", "annotations", JOB)
    if said and said not in JOB_POLICIES:
        _tell(piece, ("metadata", "annotations", JOB), f"is one of {', '.join(JOB_POLICIES)}", findings)
    names = names_of(piece.kind, piece.namespace, piece.name)
    return said or next((settings.jobs[name] for name in names if name in settings.jobs), "")


def _named_by_content(piece: Piece, manifest: Manifest) -> tuple[Piece, Manifest]:
    """A Job under a name that changes with what it runs, so that each of them is a Job of its own."""
    content = json.dumps(manifest.get("spec"), sort_keys=True, separators=(",", ":")).encode()
    renamed = piece._replace(name=f"{piece.name[:JOB_NAME]}-{hashlib.sha256(content).hexdigest()[:8]}")
    metadata = {**manifest["metadata"], "name": renamed.name}
    if TRACKING in metadata.get("annotations", {}):
        application = metadata["annotations"][TRACKING].partition(":")[0]
        tracking = tracking_of(application, _ref_of(renamed))
        metadata["annotations"] = {**metadata["annotations"], TRACKING: tracking}
    return renamed, {**manifest, "metadata": metadata}


def _ref_of(piece: Piece) -> Ref:
    return Ref(piece.api_version, piece.kind, piece.namespace, piece.name)


def _unused(works: list[Piece], target: RenderTarget, images: Mapping[str, str], used: set[str]) -> tuple[str, ...]:
    idle = [f"No workload runs the release's image {name}." for name in sorted(set(images) - used)]
    return (*idle, *(_unused_words(entry) for entry in target.configuration if _is_unused(entry, works)))


def _is_unused(entry: ConfiguredValue, works: list[Piece]) -> bool:
    if not entry.config_map:
        return False
    return not any(takes(piece.kind_id, piece.namespace, piece.name, entry) for piece in works)


def _unused_words(entry: ConfiguredValue) -> str:
    kinds = "Secret" if entry.sensitive else "ConfigMap or Secret"
    return (
        f"The environment's configuration has {entry.key} for {entry.config_map}, but the bundle has no such {kinds}."
    )
