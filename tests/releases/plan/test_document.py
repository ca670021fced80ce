"""The plan as a document: the same inputs give the same bytes, and nothing that a server made up is in it."""

import json
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.kube.api.errors import Cause
from environments.kube.apply.diff import FieldChange, Preview
from environments.kube.apply.ownership import ForeignFields
from environments.kube.objects import Ref, tracking_of
from portal.blobs import canonical
from releases.plan.compose import Header, WayBack, compose
from releases.plan.objects import Plan, Sighting, Wanted
from releases.plan.risks import Circumstances
from releases.plan.rollback_plan import back_plan
from releases.plan.secret_values import Masks, seal, unseal

MASKS = Masks(1)

HEADER = Header("shop", "dev", "shop-dev", "1.0.0", "release", "rolling", {}, {"web": "a@sha256:1"}, {"web": "a:1"})
NAMES = st.text("abcdefgh-", min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["ConfigMap", "Secret", "Deployment", "Service", "Namespace"])


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    kind, name = draw(KINDS), draw(NAMES)
    ref = Ref("v1", kind, "" if kind == "Namespace" else "shop-dev", name)
    metadata = {"name": name, **({"namespace": ref.namespace} if ref.namespace else {})}
    data = draw(st.dictionaries(NAMES, st.text(max_size=8), max_size=3))
    replicas = {"spec": {"replicas": draw(st.integers(0, 9))}} if kind == "Deployment" else {}
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data, **replicas}
    return Sighting(
        Wanted(manifest, ref, "configuration", draw(st.integers(0, 3))),
        Preview(
            ref=ref,
            live=draw(st.none() | st.just({**manifest, "metadata": {**metadata, **draw(annotations(ref))}})),
            after={**manifest, "metadata": {**metadata, "uid": str(draw(st.uuids()))}},
            changes=tuple(draw(st.lists(st.builds(FieldChange, NAMES, VALUES, VALUES), max_size=3))),
            conflicts=tuple(draw(st.lists(st.builds(Cause, NAMES, NAMES, NAMES), max_size=2))),
            foreign=tuple(draw(st.lists(st.builds(ForeignFields, NAMES, NAMES, NAMES, st.tuples(NAMES)), max_size=2))),
            warnings=tuple(draw(st.lists(NAMES, max_size=2))),
        ),
        scaled=draw(st.booleans()),
    )


def annotations(ref: Ref) -> st.SearchStrategy[dict[str, Any]]:
    ours = {"annotations": {"slipway.dev/tracking": tracking_of("shop", ref)}}
    return st.sampled_from([{}, ours])


calmly = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LISTS = st.lists(sightings(), max_size=5, unique_by=lambda each: each.ref.key)


def plan_of(seen: list[Sighting], back: WayBack = WayBack()) -> Plan:  # noqa: B008
    public, _ = seal([each.wanted.manifest for each in seen], MASKS)
    return {**compose(HEADER, seen, public, [], back, Circumstances({})), "steps": []}


def shuffled(value: Any) -> Any:
    """The same value, its maps built in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        random.shuffle(items)
        return {name: shuffled(inner) for name, inner in items}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


@calmly
@given(LISTS)
def test_the_same_inputs_give_the_same_bytes(seen: list[Sighting]) -> None:
    assert canonical(plan_of(seen)) == canonical(shuffled(plan_of(list(seen))))


@calmly
@given(LISTS)
def test_it_survives_storage(seen: list[Sighting]) -> None:
    plan = plan_of(seen)
    assert json.loads(canonical(plan)) == json.loads(json.dumps(plan))


@calmly
@given(LISTS, st.uuids())
def test_what_the_server_makes_up_is_not_in_it(seen: list[Sighting], made_up: Any) -> None:
    again = [
        Sighting(
            each.wanted,
            each.preview._replace(after={**each.preview.after, "metadata": {"uid": str(made_up), "generation": 7}}),
            each.scaled,
        )
        for each in seen
    ]
    assert canonical(plan_of(again)) == canonical(plan_of(seen))


@calmly
@given(LISTS)
def test_no_value_of_a_secret_is_in_it_and_sealing_is_undone(seen: list[Sighting]) -> None:
    manifests = [each.wanted.manifest for each in seen]
    public, sealed = seal(manifests, MASKS)
    for manifest, shown in zip(manifests, public, strict=True):
        if manifest["kind"] == "Secret":
            assert all(value.startswith("hmac-sha256:") for value in shown["data"].values())
    assert [unseal(each.ref, shown, sealed, MASKS) for each, shown in zip(seen, public, strict=True)] == manifests


@calmly
@given(LISTS, LISTS)
def test_going_back_restores_all_that_was_and_removes_only_what_came(
    before: list[Sighting], after: list[Sighting]
) -> None:
    previous = plan_of(before)
    plan = plan_of(after, WayBack(1, "0.9.0", "sha256:x", previous))
    back = back_plan(plan, previous)
    assert back["objects"] == previous["objects"]
    had = {Ref(*row["ref"]).key for row in previous["objects"]}
    there = {each.ref.key for each in after if each.preview.live and not each.is_ours(HEADER.owner)}
    gone = {Ref(*row["ref"]).key for row in back["prune"]}
    came = {each.ref.key for each in after if each.ref.kind != "Namespace"} - had - there
    assert gone == came
