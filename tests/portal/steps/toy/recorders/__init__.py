"""What puts the toy's records on record: into a list of what the van weighed."""

from portal.steps.recorders import Recorders

RECORDERS: Recorders[list[tuple[int, int, float]]] = Recorders(__name__)
