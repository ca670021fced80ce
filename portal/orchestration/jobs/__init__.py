"""Long jobs, of minutes to hours: asked for, carried out by workers of their own, watched, cancelled, cleaned up after.

A kind of job is a class (`JobKind`) that is registered by a name, which rows keep. Job workers are processes of the
orchestrator, apart from those of the queue: no pass ever waits behind a job.
"""

from portal.orchestration.jobs.kinds import JobKind, job_kind
from portal.orchestration.jobs.requests import cancel, submit
from portal.orchestration.jobs.running import Cancelled, JobStopped, RunningJob

__all__ = ["Cancelled", "JobKind", "JobStopped", "RunningJob", "cancel", "job_kind", "submit"]
