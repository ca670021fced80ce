"""From a bundle's documents to the objects of one environment: placeholders, identities, overlays."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from environments.kube.api.naming import kind_fault, label_fault, name_fault, version_fault
from kube_schema import recorded

from . import generated
from .bundle import Contents, ManifestBundle, contents_of
from .definitions import KIND as DEFINITION
from .definitions import KindDefinition, definitions_in
from .errors import BundleError, Findings
from .exported import made_by
from .hooks import HookReading, read_hook
from .kinds import kind_id
from .merge import Merger
from .node import RENDERED, Place, Unresolved, YamlNode, field_of, find, text_at
from .notes import AS_KUBECTL, CONTROLLED, ReadingNote
from .order import names_of
from .piece import Piece
from .placeholders import PORTAL_PREFIX, UNDECLARED, Declared, Resolver, Whole
from .settings import SlipwayFile, read_settings
from .target import RenderTarget
from .yaml import Document

NAME: Place = ("metadata", "name")
IDENTITY: tuple[Place, ...] = (("apiVersion",), ("kind",), NAME)


class Assembly(NamedTuple):
    """`definitions` are the kinds that the bundle itself defines; `left_out`: hooks of other occasions, in words."""

    pieces: list[Piece]
    settings: SlipwayFile
    declared: Declared
    notes: tuple[ReadingNote, ...]
    definitions: Mapping[str, KindDefinition]
    left_out: tuple[str, ...] = ()


def assemble(bundle: ManifestBundle, target: RenderTarget, findings: Findings) -> Assembly:
    """The objects of an environment, overlays merged in; what is wrong goes to `findings`."""
    contents = contents_of(bundle)
    values = target.placeholders()
    declared = _declared(read_settings(contents.settings), target, bundle)
    resolver = Resolver(values, declared, findings)
    base, overlays = _layers(contents, target, findings)
    definitions = definitions_in(document.data for document in base if text_at(document.node, "kind") == DEFINITION)
    target = target.with_cluster_kinds(each.kind for each in definitions.values() if not each.namespaced)
    identified, left_out = _without_controlled(_identified(base, target, resolver, findings))
    pieces = _once_each(generated.told_apart(identified), findings)
    settings = _settings(contents, pieces, Resolver(values, Declared(every=True), findings), findings)
    patches = _once_each(_identified(overlays, target, resolver, findings), findings)
    named, names = generated.named(_overlaid(pieces, patches, findings), target.version)
    notes = (*_remarks((*base, *overlays)), *left_out, *names)
    return _without_other_hooks(Assembly(named, settings, declared, notes, definitions), target)


def _remarks(documents: Sequence[Document]) -> list[ReadingNote]:
    found = dict.fromkeys((document.path, document.remarks) for document in documents if document.remarks)
    return [ReadingNote(AS_KUBECTL, path, keys) for path, keys in found]


def _without_controlled(pieces: Sequence[Piece]) -> tuple[list[Piece], list[ReadingNote]]:
    kept, notes = [], []
    for piece in pieces:
        if maker := made_by(piece.node, piece.kind_id):
            notes.append(ReadingNote(CONTROLLED, piece.text, (maker,)))
        else:
            kept.append(piece)
    return kept, notes


def _declared(settings: SlipwayFile, target: RenderTarget, bundle: ManifestBundle) -> Declared:
    prefixes = (PORTAL_PREFIX, settings.placeholder_prefix)
    return Declared(
        frozenset(settings.placeholders) | target.declared | target.placeholders().keys(),
        tuple(prefix for prefix in prefixes if prefix),
        every_escape=bundle.every_escape,
    )


def _without_other_hooks(assembly: Assembly, target: RenderTarget) -> Assembly:
    read = [(piece, _hook_of(piece, target)) for piece in assembly.pieces]
    left_out = tuple(f"{piece.text} ({reading.left_out})" for piece, reading in read if reading.left_out)
    kept = [piece._replace(hook=reading.hook) for piece, reading in read if not reading.left_out]
    return assembly._replace(pieces=kept, left_out=left_out)


def _hook_of(piece: Piece, target: RenderTarget) -> HookReading:
    node = find(piece.node, "metadata", "annotations")
    children = node.value if node is not None and isinstance(node.value, dict) else {}
    return read_hook({key: str(child.value) for key, child in children.items()}, first=target.first)


def _layers(
    contents: Contents, target: RenderTarget, findings: Findings
) -> tuple[Sequence[Document], Sequence[Document]]:
    if contents.form != RENDERED:
        return contents.base, contents.overlays.get(target.name, ())
    if target.name not in contents.rendered:
        there = ", ".join(sorted(contents.rendered))
        path = f"rendered/{target.name}.yaml"
        findings.take(BundleError(path, 0, "", f"is missing: the bundle is rendered for {there} only"))
    return contents.rendered.get(target.name, ()), ()


def _identified(
    documents: Sequence[Document], target: RenderTarget, resolver: Resolver, findings: Findings
) -> list[Piece]:
    found = []
    for document in documents:
        piece = _identify(resolver.resolve(document.node, _whole(document.node)), target, findings)
        if piece is not None:
            found.append(piece)
    return found


def _whole(node: YamlNode) -> Whole:
    kind = text_at(node, "kind")
    name = f"{kind or 'an object without kind'} {text_at(node, 'metadata', 'name')}".strip()
    return Whole(name, kind == "Secret" and text_at(node, "apiVersion") == "v1")


def _identify(node: YamlNode, target: RenderTarget, findings: Findings) -> Piece | None:
    if not node.is_map:
        findings.add(node.origin, "", "is no object: a map with apiVersion, kind and metadata is needed")
        return None
    name = text_at(node, "metadata", "name") or generated.prefix_of(node)
    missing = [place for place in IDENTITY if not text_at(node, *place) and not (place == NAME and name)]
    for place in missing:
        words = "is missing" if find(node, *place) is None else "text is needed; put it in quotes"
        findings.add((find(node, *place) or node).origin, field_of(place), words)
    named = [find(node, *place) for place in (*IDENTITY, ("metadata", "namespace"))]
    if missing or any(each is not None and isinstance(each.value, Unresolved) for each in named):
        return None
    api_version, kind, name = str(text_at(node, "apiVersion")), str(text_at(node, "kind")), str(name)
    namespace = str(text_at(node, "metadata", "namespace")) or target.namespace
    of_cluster = target.is_of_cluster(kind_id(api_version, kind))
    piece = Piece(node, api_version, kind, "" if of_cluster else namespace, name)
    return piece if _is_well_named(piece, findings) else None


def _is_well_named(piece: Piece, findings: Findings) -> bool:
    """Whether its identity is one that Kubernetes takes: paths are built of it."""
    faults: dict[Place, str] = {
        ("apiVersion",): version_fault(piece.api_version),
        ("kind",): kind_fault(piece.kind),
        NAME: name_fault(piece.api_version, piece.kind, generated.example_of(piece.node) or piece.name),
        ("metadata", "namespace"): _namespace_fault(piece),
    }
    found = {place: fault for place, fault in faults.items() if fault}
    for place, fault in found.items():
        node = find(piece.node, *place) or piece.node
        hint = f"; {UNDECLARED}" if isinstance(node.value, str) and "${" in node.value else ""
        findings.add(node.origin, field_of(place), f"{fault}{hint}")
    return not found


def _namespace_fault(piece: Piece) -> str:
    given = find(piece.node, "metadata", "namespace")
    if given is not None and given.value is not None and not isinstance(given.value, str):
        return "text is needed"
    return label_fault(piece.namespace) if piece.namespace else ""


def _once_each(pieces: Sequence[Piece], findings: Findings) -> list[Piece]:
    seen: dict[tuple[str, str, str], Piece] = {}
    for piece in pieces:
        first = seen.setdefault(piece.identity, piece)
        if first is not piece:
            where = f"{first.node.origin.path} line {first.node.origin.line}"
            findings.add(piece.node.origin, "metadata.name", f"{piece.text} is already there in {where}")
    return list(seen.values())


def _overlaid(pieces: list[Piece], patches: Sequence[Piece], findings: Findings) -> list[Piece]:
    merged: dict[tuple[str, str, str], Piece] = {piece.identity: piece for piece in pieces}
    merger = Merger(findings)
    named: dict[tuple[str, str], list[Piece]] = {}
    for piece in pieces:
        named.setdefault((piece.kind_id, piece.name), []).append(piece)
    for patch in patches:
        base = _base_of(patch, named, findings)
        if base is None:
            continue
        schema = recorded().root(base.api_version, base.kind)
        node = merger.merge(base.node, patch.node, schema)
        if node is None:
            del merged[base.identity]
        else:
            merged[base.identity] = base._replace(node=node)
    return list(merged.values())


def _base_of(patch: Piece, named: Mapping[tuple[str, str], Sequence[Piece]], findings: Findings) -> Piece | None:
    """The base's object that an overlay means: by kind and name, and by namespace where the overlay names one."""
    alike = named.get((patch.kind_id, patch.name), ())
    if find(patch.node, "metadata", "namespace") is not None:
        alike = [piece for piece in alike if piece.namespace == patch.namespace]
    if not alike:
        names = (name for kind, name in named if kind == patch.kind_id)
        close = findings.close_to(patch.name, names)
        hint = f", did you mean {close}?" if close else "; an overlay changes objects of base/"
        findings.add(patch.node.origin, "metadata.name", f"base/ has no {patch.text}{hint}")
    elif len(alike) > 1:
        there = ", ".join(piece.namespace for piece in alike)
        findings.add(patch.node.origin, "metadata.namespace", f"is needed: {patch.text} is in {there}")
    elif alike[0].api_version != patch.api_version:
        told = f"{patch.api_version} is not the base's {alike[0].api_version}"
        findings.add(patch.node.value["apiVersion"].origin, "apiVersion", told)
    else:
        return alike[0]
    return None


def _settings(contents: Contents, pieces: Sequence[Piece], resolver: Resolver, findings: Findings) -> SlipwayFile:
    if not contents.settings:
        return SlipwayFile()
    document = contents.settings[0]
    node = resolver.resolve(document.node, Whole("slipway.yaml"))
    try:
        settings = read_settings([Document(document.path, document.line, node)])
    except BundleError as error:
        findings.take(error)
        return SlipwayFile()
    known = {name for piece in pieces for name in names_of(piece.kind, piece.namespace, piece.name)}
    for place, name in _workload_names(settings):
        if name not in known:
            close = findings.close_to(name, known)
            hint = f", did you mean {close}?" if close else ""
            origin = (find(node, *place) or node).origin
            findings.add(origin, field_of(place), f"the bundle has nothing called {name}{hint}")
    return settings


def _workload_names(settings: SlipwayFile) -> list[tuple[Place, str]]:
    waves = [
        (("waves", number, "workloads", index), name)
        for number, wave in enumerate(settings.waves)
        for index, name in enumerate(wave.workloads)
    ]
    jobs = [(("jobs", name), name) for name in settings.jobs]
    return [
        *waves,
        *jobs,
        *((("routes", index, "workload"), route.workload) for index, route in enumerate(settings.routes)),
    ]
