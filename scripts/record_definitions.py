"""Records the custom resources that the sandbox knows from its start, from a real API server that has them.

    python scripts/record_definitions.py KUBECONFIG

writes sandbox/recorded/SET.json.gz. Descriptions and the rules that the sandbox does not evaluate (CEL,
oneOf and their like) stay out, so that the definitions are small enough to be read at every start.
"""

import argparse
import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parents[1] / "sandbox" / "recorded"
SETS = {
    "istio": (
        "virtualservices.networking.istio.io destinationrules.networking.istio.io gateways.networking.istio.io "
        "serviceentries.networking.istio.io sidecars.networking.istio.io envoyfilters.networking.istio.io "
        "peerauthentications.security.istio.io requestauthentications.security.istio.io "
        "authorizationpolicies.security.istio.io telemetries.telemetry.istio.io"
    ),
    "gateway-api": (
        "gatewayclasses.gateway.networking.k8s.io gateways.gateway.networking.k8s.io "
        "httproutes.gateway.networking.k8s.io grpcroutes.gateway.networking.k8s.io "
        "referencegrants.gateway.networking.k8s.io backendtlspolicies.gateway.networking.k8s.io"
    ),
    "flagger": "canaries.flagger.app metrictemplates.flagger.app alertproviders.flagger.app",
    "keda": "scaledobjects.keda.sh triggerauthentications.keda.sh clustertriggerauthentications.keda.sh",
    "vpa": "verticalpodautoscalers.autoscaling.k8s.io verticalpodautoscalercheckpoints.autoscaling.k8s.io",
}
LEFT_OUT = {"description", "example", "externalDocs", "oneOf", "anyOf", "allOf", "not", "x-kubernetes-validations"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kubeconfig", help="of a cluster that has the definitions")
    kubeconfig = parser.parse_args().kubeconfig
    for name, wanted in SETS.items():
        definitions = [bare(ask(kubeconfig, each)) for each in wanted.split()]
        text = json.dumps(definitions, sort_keys=True, separators=(",", ":")).encode()
        packed = gzip.compress(text, 9, mtime=0)
        (PLACE / f"{name}.json.gz").write_bytes(packed)
        print(f"{name}: {len(definitions)} definitions, {len(text)} bytes as JSON, {len(packed)} packed")


def ask(kubeconfig: str, name: str) -> Any:
    command = ["kubectl", "--kubeconfig", kubeconfig, "get", "customresourcedefinition", name, "-o", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def bare(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition without what its server made of it, and without the versions that are not served."""
    metadata, spec = definition["metadata"], definition["spec"]
    kept = {"name": metadata["name"], **({"labels": metadata["labels"]} if metadata.get("labels") else {})}
    versions = [
        {**version, "schema": {"openAPIV3Schema": trimmed(version["schema"]["openAPIV3Schema"])}}
        for version in spec["versions"]
        if version["served"] or version["storage"]
    ]
    return {
        "apiVersion": definition["apiVersion"],
        "kind": definition["kind"],
        "metadata": kept,
        "spec": {**spec, "versions": versions},
    }


def trimmed(raw: dict[str, Any]) -> dict[str, Any]:
    """A schema without what is left out; a field may well be called description."""
    kept = {name: value for name, value in raw.items() if name not in LEFT_OUT}
    for name in ("items", "additionalProperties"):
        if isinstance(kept.get(name), dict):
            kept[name] = trimmed(kept[name])
    if "properties" in kept:
        kept["properties"] = {name: trimmed(value) for name, value in kept["properties"].items()}
    return kept


if __name__ == "__main__":
    main()
