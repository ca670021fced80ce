"""What steps measure and find, put on record with the save of what was decided. A type of record is one file here."""

from portal.steps.recorders import Recorders
from releases.models import Rollout

RECORDERS: Recorders[Rollout] = Recorders(__name__)
records = RECORDERS.records
