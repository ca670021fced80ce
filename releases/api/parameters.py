"""The parameters of the API's addresses, described once. One with a default has the same one everywhere: ninja keeps
it in the object that is shared here."""

from ninja import P, PathEx, QueryEx

Application = QueryEx[str, P(description="Name of the application.")]
Environment = QueryEx[str, P(description="Name of the environment.")]
ApplicationFilter = QueryEx[str, P(description="Only what is of this application; empty: of any.")]
EnvironmentFilter = QueryEx[str, P(description="Only what is in this environment; empty: in any.")]
PhaseFilter = QueryEx[str, P(description="Only rollouts in this phase, such as progressing; empty: in any.")]
ReleaseFilter = QueryEx[str, P(description='Only rollouts of this release, by number or "application@version".')]
VerbFilter = QueryEx[str, P(description="Only entries that tell of this; empty: of anything.")]
Limit = QueryEx[int, P(description="How many at most: 50 unless said otherwise, 500 at most.")]
AuditLimit = QueryEx[int, P(description="How many at most: 100 unless said otherwise, 1,000 at most.")]
After = QueryEx[int, P(description="Only entries with a higher number: the last one that was read.")]
Before = QueryEx[int, P(description="The earlier revision's number.")]
Later = QueryEx[int, P(description="The later revision's number.")]
ReleaseId = PathEx[int, P(description="The release's number.")]
ReleaseRequestId = PathEx[int, P(description="The request's number, as the answer 202 had it.")]
RolloutId = PathEx[int, P(description="The rollout's number.")]
ApplicationName = PathEx[str, P(description="Name of the application.")]
RolloutVerb = PathEx[str, P(description="What is to be done with it.")]
