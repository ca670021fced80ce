"""What the demo is run with: DEMO_PORT, DEMO_DIR, DEMO_KUBECONFIG, DEMO_REGISTRY and DEMO_PROMETHEUS."""

import os
import secrets
import shutil
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Options:
    """`kubeconfig`, `registry` and `prometheus` are "" where the sandbox serves."""

    port: int
    folder: Path
    kubeconfig: str
    registry: str
    prometheus: str

    @classmethod
    def from_environment(cls) -> "Options":
        """SystemExit names a variable that cannot be used."""
        port = os.environ.get("DEMO_PORT") or "8000"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise SystemExit(f"DEMO_PORT is {port!r}; it has to be a port between 1 and 65535.")
        kubeconfig = os.environ.get("DEMO_KUBECONFIG", "")
        if kubeconfig and not Path(kubeconfig).is_file():
            raise SystemExit(f"DEMO_KUBECONFIG is {kubeconfig!r}; there is no such file.")
        folder = Path(os.environ.get("DEMO_DIR") or ROOT / "var").resolve()
        registry, prometheus = os.environ.get("DEMO_REGISTRY", ""), os.environ.get("DEMO_PROMETHEUS", "")
        return cls(int(port), folder, kubeconfig, registry, prometheus)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        """What belongs to one run; made anew at every start."""
        return self.folder / "demo"

    @property
    def metrics(self) -> Path:
        """Where the processes add up their metrics."""
        return self.state / "metrics"

    @property
    def report(self) -> Path:
        return self.folder / "demo.json"

    def fresh_state(self) -> None:
        """An empty folder for this run."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True, mode=0o700)
        self.metrics.mkdir()
        self.report.unlink(missing_ok=True)


def settings(options: Options, registry: str) -> dict[str, str]:
    """The portal's variables for this run: keys of its own, its database in the run's folder."""
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SLIPWAY_VAR": str(options.state),
        "SLIPWAY_DATABASE_URL": f"sqlite:///{options.state / 'slipway.sqlite3'}",
        "SLIPWAY_METRICS_DIR": str(options.metrics),
        "SLIPWAY_URL": options.url,
        "SLIPWAY_SECRET_KEY": secrets.token_urlsafe(48),
        "SLIPWAY_ENCRYPTION_KEYS": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "SLIPWAY_PLAIN_HTTP_REGISTRIES": registry,
        "SLIPWAY_OUTBOUND_NETWORKS": "127.0.0.0/8",
    }
