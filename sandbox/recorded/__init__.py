"""CustomResourceDefinitions that come with the sandbox, one file a set, recorded by scripts/record_definitions.py."""

import gzip
import json
from argparse import ArgumentTypeError
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sandbox.api import Api
from sandbox.definitions import GROUP, KIND
from sandbox.store import StoreKey, now

_SUFFIX = ".json.gz"
_PLACE = Path(__file__).parent
SETS = tuple(sorted(file.name.removesuffix(_SUFFIX) for file in _PLACE.glob(f"*{_SUFFIX}")))


def definitions(name: str) -> list[dict[str, Any]]:
    """The definitions of a set; ValueError names the sets where there is none of this name."""
    packed = (_PLACE / f"{_known(name)}{_SUFFIX}").read_bytes()
    found: list[dict[str, Any]] = json.loads(gzip.decompress(packed))
    return found


def _known(name: str) -> str:
    if name not in SETS:
        raise ValueError(f"the sandbox has no definitions {name!r}; it has {', '.join(SETS)}")
    return name


def sets(text: str) -> tuple[str, ...]:
    """The names in "istio,keda", as an option of a command line has them; "none" is none, "all" is all."""
    names = SETS if text == "all" else tuple(name for name in text.split(",") if name and name != "none")
    try:
        return tuple(map(_known, names))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def install(api: Api, names: Iterable[str]) -> None:
    """Establishes the definitions of these sets, but those that are there already. ValueError as `definitions`."""
    for definition in (each for name in names for each in definitions(name)):
        if api.store.get(StoreKey(GROUP, KIND, "", definition["metadata"]["name"])) is None:
            metadata = {**definition["metadata"], "generation": 1, "creationTimestamp": now()}
            api.definitions.learn(api.store.create({**definition, "metadata": metadata}))
