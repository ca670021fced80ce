"""Has the orchestrator forget old failures to sign in."""

from portal.orchestration.duties import every
from portal.people import door

every(300.0)(door.sweep)
