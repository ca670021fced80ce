"""Mutual TLS between workloads: PeerAuthentication."""

from collections.abc import Iterable
from typing import ClassVar

from environments.kube.objects import Manifest
from environments.kube.policies.base import ROOT, Around, Family, Remark, age, listed, spec_of, text_of
from environments.kube.policies.scopes import at_same_scope, narrower, nobody, scope_of, whom

UNSET = ("", "UNSET")


class MutualTLS(Family):
    name: ClassVar[str] = "mtls"
    title: ClassVar[str] = "Mutual TLS"
    kinds: ClassVar[frozenset[str]] = frozenset({"PeerAuthentication.security.istio.io"})

    def does(self, manifest: Manifest) -> str:
        mode = mode_of(manifest)
        head = "mTLS as the wider policy has it" if mode in UNSET else f"mTLS {mode}"
        ports = listed(f"{ports_mode} on port {port}" for port, ports_mode in _ports(manifest).items())
        return f"{head} for {whom(manifest, ROOT)}" + (f", {ports}" if ports else "")

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        mode = mode_of(manifest)
        if older := [each for each in at_same_scope(manifest, around) if age(each) < age(manifest)]:
            yield Remark(f"{text_of(older[0])} is older and for the same pods: {_said(older[0])} is in effect")
            return
        for each in narrower(manifest, around):
            if mode_of(each) not in UNSET and mode_of(each) != mode:
                yield Remark(f"except {whom(each, around.root)}: {_said(each)}", counts=not around.is_ours(each))
            for port, exception in _ports(each).items():
                if exception != mode:
                    words = f"except port {port} of {whom(each, around.root)}: {exception} by {text_of(each)}"
                    yield Remark(words, counts=not around.is_ours(each))
        yield from self._wider(manifest, around)
        yield from nobody(manifest, around)

    def _wider(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        """What it is an exception to, or what it goes by where it says nothing itself."""
        mode, mine = mode_of(manifest), scope_of(manifest, around.root)
        for scope in [scope for scope in ("namespace", "mesh") if scope != mine and mine != "mesh"]:
            found = [each for each in around.others(manifest) if _covers(each, manifest, scope, around)]
            wider = next((each for each in found if mode_of(each) not in UNSET), None)
            if wider is None:
                continue
            if mode in UNSET:
                yield Remark(f"it takes {_said(wider)}", counts=False)
            elif mode_of(wider) != mode:
                yield Remark(f"an exception to {_said(wider)}", counts=False)
            return
        if mode in UNSET:
            yield Remark("no wider policy says anything either, so it is PERMISSIVE")


def mode_of(manifest: Manifest) -> str:
    """STRICT, PERMISSIVE, DISABLE, or "" where it says nothing."""
    return str((spec_of(manifest).get("mtls") or {}).get("mode") or "")


def _ports(manifest: Manifest) -> dict[str, str]:
    levels = spec_of(manifest).get("portLevelMtls") or {}
    modes = {str(port): str((level or {}).get("mode") or "") for port, level in levels.items()}
    return {port: mode for port, mode in modes.items() if mode not in UNSET}


def _said(manifest: Manifest) -> str:
    return f"{mode_of(manifest) or 'UNSET'} by {text_of(manifest)}"


def _covers(wider: Manifest, manifest: Manifest, scope: str, around: Around) -> bool:
    if scope_of(wider, around.root) != scope:
        return False
    return scope == "mesh" or wider["metadata"].get("namespace") == manifest["metadata"].get("namespace")


FAMILY = MutualTLS()
