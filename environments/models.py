"""Where releases go: clusters, environments, who may do what there, and what runs there."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import RegexValidator
from django.db import models

from environments.admission.levels import Level
from environments.registry_fields import (
    PROXY_PATTERN,
    check_authorities,
    check_hosts,
    check_mirror,
    check_registry,
)
from portal.encryption import EncryptedTextField
from portal.orchestration.leases import Held
from portal.roles import Role
from portal.row_bound import RowBound

NAMESPACE_PATTERN = RegexValidator(
    r"^[a-z0-9*?{]([-a-z0-9*?{}]*[a-z0-9*?}])?$",
    "A namespace has lower-case letters, digits and dashes; {application} stands for the application's name.",
)
# Django's own check of addresses refuses a host without a dot, as a service of the same namespace is named.
PROMETHEUS_PATTERN = RegexValidator(
    r"^https?://[^\s/@?#]+(/[^\s?#]*)?$", "An address such as http://prometheus.monitoring:9090 is needed."
)


class Cluster(RowBound, Held):
    """A Kubernetes API and the way to speak to it. `access` is an Access as JSON, encrypted. Its holder watches it."""

    name = models.SlugField(unique=True, help_text="A short name, as environments and the command line have it.")
    server = models.CharField(max_length=300, editable=False, blank=True, help_text="The address of its API.")
    access = EncryptedTextField(
        editable=False, null=True, help_text="How it is reached, with its credential; encrypted, never shown."
    )
    in_cluster = models.BooleanField(
        default=False, help_text="Use the service account of the pod that the portal runs in."
    )
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was connected.")
    breaker = models.CharField(
        max_length=10,
        default="closed",
        editable=False,
        help_text="Whether it is called: closed: yes; open: not for now; half-open: it is tried again.",
    )
    watch = models.CharField(
        max_length=12,
        default="",
        editable=False,
        help_text="How changes become known: live, reconnecting or polling; empty: not watched.",
    )
    trouble = models.TextField(
        blank=True, default="", editable=False, help_text="What is wrong with it, in words; empty: nothing is known."
    )
    state_since = models.DateTimeField(null=True, editable=False, help_text="When the breaker's state was noted.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Environment(RowBound):
    """A place that releases go to, and its rules."""

    class Access(models.TextChoices):
        OPEN = "open", "Open"
        ALLOW_LIST = "allow-list", "Allow-list"
        PRIVATE = "private", "Private endpoint"

    name = models.SlugField(
        unique=True, max_length=40, help_text="A short name, as addresses and the command line have it: dev, prod."
    )
    title = models.CharField(max_length=100, blank=True, help_text="A longer name for people.")
    order = models.PositiveSmallIntegerField(default=0, help_text="Order of promotion: releases go from low to high.")
    purpose = models.CharField(max_length=200, blank=True, help_text="What it is for, in a few words.")
    data_policy = models.CharField(max_length=200, blank=True, help_text="Which data it may hold, in a few words.")
    monitoring = models.CharField(max_length=200, blank=True, help_text="How it is monitored, in a few words.")
    access_policy = models.CharField(
        max_length=12, choices=Access, default=Access.OPEN, help_text="From where it can be reached."
    )
    resources = models.CharField(
        max_length=200, blank=True, help_text="What it has in processors, memory and disks, in a few words."
    )
    cluster = models.ForeignKey(
        Cluster, on_delete=models.PROTECT, related_name="environments", help_text="Where its applications run."
    )
    namespace = models.CharField(
        max_length=100,
        default="{application}-{environment}",
        validators=[NAMESPACE_PATTERN],
        help_text="Where objects without a namespace go; {application} and {environment} are replaced.",
    )
    more_namespaces = models.TextField(
        blank=True,
        help_text="Other namespaces that a bundle may name, one a line; * stands for any characters.",
    )
    allowed_kinds = models.TextField(
        blank=True,
        help_text="The only kinds that a bundle may have, beside more kinds, one a line; "
        "empty: the usual namespaced kinds.",
    )
    more_kinds = models.TextField(
        blank=True,
        help_text="Kinds that a bundle may have beside these, one a line: Namespace, Certificate.cert-manager.io, "
        "*.monitoring.coreos.com; * stands for any characters. With CustomResourceDefinition, a bundle may have "
        "objects of the kinds that it defines.",
    )
    admission = models.CharField(
        max_length=6,
        blank=True,
        choices=[(level.value, level.value.capitalize()) for level in Level],
        help_text="What becomes of a bundle that asks for much: privileged pods, the node's files, others' hosts. "
        "Empty: refused where approvals are required, else warned of.",
    )
    admission_rules = models.TextField(
        blank=True, help_text="Other levels for single checks, one a line: host-path allow."
    )
    allowed_registries = models.TextField(
        blank=True,
        help_text="Where images may come from, one a line: ghcr.io/example, *.azurecr.io. Empty: anywhere.",
    )
    hosts = models.TextField(
        blank=True,
        help_text="Hosts that belong to this environment, one a line; * stands for any characters. "
        "Bundles of other environments may not take them.",
    )
    required_approvals = models.PositiveSmallIntegerField(
        default=0, help_text="How many people have to approve a plan; with 0 it needs nobody."
    )
    approval_hours = models.PositiveSmallIntegerField(
        default=24, help_text="A request that nobody approves expires after these."
    )
    start_when_approved = models.BooleanField(
        default=True, help_text="Start by itself once enough people have approved; otherwise a person starts it."
    )
    rollback_needs_approval = models.BooleanField(
        default=False, help_text="Going back to an earlier release takes approvals too."
    )
    create_namespaces = models.BooleanField(
        default=True, help_text="Create a namespace that is missing, as part of the plan."
    )
    progress_seconds = models.PositiveIntegerField(
        default=600, help_text="A wave that is not ready after these has failed."
    )
    roll_back_on_failure = models.BooleanField(default=False, help_text="Roll back by itself when a rollout fails.")
    prometheus = models.CharField(
        max_length=300,
        blank=True,
        validators=[PROMETHEUS_PATTERN],
        help_text="Where the metrics are that a canary is judged by: http://prometheus.monitoring:9090.",
    )
    prometheus_token = EncryptedTextField(
        editable=False, null=True, help_text="A bearer token, where Prometheus asks for one."
    )

    class Meta:
        ordering = ["order", "name"]
        permissions = [("change_policy", "Can change the approvals and grants of an environment")]

    def __str__(self) -> str:
        return self.name

    def namespace_for(self, application: str) -> str:
        """The namespace of an application's objects that name none."""
        return self.namespace.replace("{application}", application).replace("{environment}", self.name)

    def namespaces_for(self, application: str) -> tuple[str, ...]:
        """Patterns of every namespace that the application's bundle may name."""
        lines = [self.namespace, *self.more_namespaces.split()]
        return tuple(line.replace("{application}", application).replace("{environment}", self.name) for line in lines)

    def admission_level(self) -> Level:
        """The level of the checks that admission_rules does not name."""
        return Level(self.admission) if self.admission else Level.REFUSE if self.required_approvals else Level.WARN

    def kinds(self) -> tuple[str, ...] | None:
        """The kinds that a bundle may have beside more_kinds; None for the usual ones."""
        return tuple(self.allowed_kinds.split()) or None


class Grant(models.Model):
    """A role in an environment, to a person or a group."""

    environment = models.ForeignKey(
        Environment, on_delete=models.CASCADE, related_name="grants", help_text="Where the role is given."
    )
    role = models.CharField(max_length=10, choices=Role, help_text="What it allows.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="grants",
        help_text="The person who has it; empty where a group does.",
    )
    group = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="grants",
        help_text="The group whose members have it; empty where a person does.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, group__isnull=True)
                | models.Q(user__isnull=True, group__isnull=False),
                name="grant_to_user_or_group",
                violation_error_message="A grant is to a user or to a group, not to both and not to neither.",
            ),
            # A null is distinct from any other null, so each of these speaks of its own kind of grant only.
            models.UniqueConstraint(fields=["environment", "role", "user"], name="grant_once_a_user"),
            models.UniqueConstraint(fields=["environment", "role", "group"], name="grant_once_a_group"),
        ]

    def __str__(self) -> str:
        return f"{self.role} in {self.environment} for {self.user or self.group}"


class PolicyChange(models.Model):
    """A change that makes rules weaker or gives rights, as one person asked for it; another confirms or declines it."""

    class State(models.TextChoices):
        PENDING = "pending", "Waits for a second person"
        CONFIRMED = "confirmed", "Confirmed"
        DECLINED = "declined", "Declined"
        EXPIRED = "expired", "Expired"
        VOID = "void", "Void"

    kind = models.CharField(
        max_length=20, help_text="What kind of thing is to be changed: the rules of an environment, a grant, or rights."
    )
    target = models.BigIntegerField(help_text="The number by which that is found.")
    what = models.CharField(max_length=200, help_text="Its name, as it was then.")
    environment = models.CharField(
        max_length=40, blank=True, help_text="Where it counts; empty: in more than one environment."
    )
    fields = models.JSONField(help_text="What is to be changed, each with its value before and after.")
    words = models.JSONField(help_text="The same, as people read it.")
    state = models.CharField(
        max_length=10,
        choices=State,
        default=State.PENDING,
        help_text="Whether it waits, was confirmed or declined, has expired, or no longer fits.",
    )
    asker = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Who asked for it."
    )
    asked_by = models.CharField(max_length=200, help_text="The name of who asked for it, as it was then.")
    asked_at = models.DateTimeField(auto_now_add=True, help_text="When it was asked for.")
    expires_at = models.DateTimeField(help_text="From then on nobody can confirm it.")
    decided_by = models.CharField(max_length=200, blank=True, help_text="The name of who confirmed or declined it.")
    decided_at = models.DateTimeField(null=True, help_text="When that was.")
    why = models.TextField(blank=True, help_text="Why it was declined, or is void.")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "expires_at"])]

    def __str__(self) -> str:
        return f"{self.what}: " + "; ".join(f"{name} {before} → {after}" for name, before, after in self.words)


class ConfigurationEntry(RowBound):
    """One value of an environment's own layer: an entry of a ConfigMap, or what a placeholder stands for."""

    environment = models.ForeignKey(
        Environment, on_delete=models.CASCADE, related_name="configuration", help_text="Where it counts."
    )
    application = models.SlugField(max_length=60, blank=True, help_text="Empty: every application.")
    config_map = models.CharField(max_length=253, blank=True, help_text="Empty: the value of the placeholder ${KEY}.")
    key = models.CharField(max_length=253, help_text="The entry of the ConfigMap, or the name of the placeholder.")
    value = EncryptedTextField(help_text="What it is there; encrypted.")
    sensitive = models.BooleanField(
        default=True, help_text="Never shown, not even to administrators; goes into the data of Secrets only."
    )
    updated_at = models.DateTimeField(auto_now=True, help_text="When it was last changed.")

    class Meta:
        ordering = ["environment", "application", "config_map", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "application", "config_map", "key"], name="configuration_entry_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.environment}: {self.config_map or '$'}/{self.key}"


class RegistryAccount(RowBound):
    """An account at a container registry, to ask for an image's digest with. Pulling is the cluster's own business."""

    registry = models.CharField(
        max_length=253, unique=True, help_text="As references name it: docker.io, registry.example:5000."
    )
    username = models.CharField(max_length=200, help_text="The name to sign in with.")
    password = EncryptedTextField(editable=False, help_text="The password or token; encrypted, never shown.")

    class Meta:
        ordering = ["registry"]

    def __str__(self) -> str:
        return f"{self.username} at {self.registry}"


class RegistrySetting(RowBound):
    """How one container registry is asked for digests, where that is not as usual."""

    class Digests(models.TextChoices):
        REGISTRY = "registry", "Ask the registry"
        CLUSTER = "cluster", "Take what the cluster's nodes and pods tell"
        TAG = "tag", "Take the tag as it is"

    registry = models.CharField(
        max_length=253,
        unique=True,
        validators=[check_registry],
        help_text="As references name it: docker.io, registry.example:5000.",
    )
    digests = models.CharField(
        max_length=10,
        choices=Digests,
        default=Digests.REGISTRY,
        help_text="Where digests come from. The cluster tells them of images that one of its nodes has pulled; of "
        "others, and of all with the tag as it is, the tag is applied, and each plan says so.",
    )
    mirror = models.CharField(
        max_length=253,
        blank=True,
        validators=[check_mirror],
        help_text="Who is asked instead, as HOST or HOST/PATH; an account for it is one of its host. "
        "Nodes pull as ever.",
    )
    trusted_hosts = models.TextField(
        blank=True,
        validators=[check_hosts],
        help_text="Other hosts that it may send Slipway to, for its content or for a token, one a line; "
        "* stands for any characters. Its credentials go to one that gives tokens alone.",
    )
    proxy = models.CharField(
        max_length=300,
        blank=True,
        validators=[PROXY_PATTERN],
        help_text="A proxy that it is reached by: http://proxy.example:3128.",
    )
    proxy_login = EncryptedTextField(
        editable=False,
        null=True,
        help_text="USER:PASSWORD at the proxy, where it asks for one; encrypted, never shown.",
    )
    authorities = models.TextField(
        blank=True,
        validators=[check_authorities],
        help_text="Certificates in PEM of authorities that are trusted for it, beside the system's.",
    )

    class Meta:
        ordering = ["registry"]

    def __str__(self) -> str:
        return self.registry


class Workload(models.Model):
    """What a cluster last told of one object that runs something; watches keep it, rollouts and screens read it."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="workloads", help_text="Where it runs.")
    kind = models.CharField(max_length=60, help_text="Its kind in Kubernetes, such as Deployment.")
    namespace = models.CharField(max_length=63, help_text="Its namespace.")
    name = models.CharField(max_length=253, help_text="Its name.")
    uid = models.CharField(max_length=40, help_text="Tells it from an earlier one of the same name.")
    resource_version = models.CharField(max_length=40, help_text="The version of the object that was last seen.")
    generation = models.BigIntegerField(default=0, help_text="Counts the changes of what it is to be.")
    deleted = models.BooleanField(default=False, help_text="It is no longer there.")
    object = models.JSONField(help_text="What of the object counts for rollouts and screens.")
    seen_at = models.DateTimeField(help_text="When it was last heard of.")
    autoscaling = models.JSONField(default=list, help_text="What the autoscalers that point at it say.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "kind", "namespace", "name"], name="workload_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
