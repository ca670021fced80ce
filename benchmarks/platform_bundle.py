"""The documents' platform of seven services as a bundle for places of one size: the services alone, or all of it."""

import io
import tarfile
from collections.abc import Iterator, Sequence

import yaml

from benchmarks.report import ROOT

PLATFORM = ROOT / "demo" / "ai-workflow"
MIGRATIONS = "migrations.yaml"
# The order of the script in appendix A of the documents.
SERVICES = (
    "auth-service",
    "agent-service",
    "persona-service",
    "code-execution-service",
    "text-to-sql-service",
    "knowledge-base-service",
    "workflow-service",
)


def bundle(size: str, places: Sequence[str], *, whole: bool) -> bytes:
    """A .tar.gz whose overlay for every place is that of `size`, without autoscalers: they would scale meanwhile.

    Unless it is the `whole`, it has no migration, which the documents' script does not run, and no waves of its own.
    """
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for path, text in _files(size, places, whole):
            info = tarfile.TarInfo(path)
            info.size = len(text.encode())
            packed.addfile(info, io.BytesIO(text.encode()))
    return content.getvalue()


def _files(size: str, places: Sequence[str], whole: bool) -> Iterator[tuple[str, str]]:
    for file in sorted(PLATFORM.glob("base/*.yaml")):
        if whole or file.name != MIGRATIONS:
            yield f"base/{file.name}", file.read_text()
    for place in places:
        yield f"overlays/{place}/workloads.yaml", (PLATFORM / "overlays" / size / "workloads.yaml").read_text()
        yield f"overlays/{place}/autoscalers.yaml", (PLATFORM / "overlays" / "dev" / "autoscalers.yaml").read_text()
    settings = yaml.safe_load((PLATFORM / "slipway.yaml").read_text())
    if not whole:
        settings.pop("waves")
    yield "slipway.yaml", yaml.safe_dump(settings)
