"""What is released: applications, the manifests that they bring, and their versions."""

from django.db import models

from releases.makers import Maker

DEFAULT_STRATEGY = "rolling"  # what an application is released by unless somebody says otherwise


class Application(models.Model):
    """What is released as one: its services go together."""

    name = models.SlugField(unique=True, max_length=60, help_text="A short name, as CI and the command line use it.")
    title = models.CharField(max_length=100, blank=True, help_text="A longer name for people.")
    description = models.TextField(blank=True, help_text="What it does, for people.")
    repository = models.CharField(max_length=200, blank=True, help_text="owner/name, for links and commit statuses.")
    strategy = models.CharField(max_length=20, default=DEFAULT_STRATEGY, help_text="How its releases go by default.")
    parameters = models.JSONField(default=dict, blank=True, help_text='The strategy\'s settings, e.g. {"maxSurge": 1}.')
    bundle = models.ForeignKey(
        "Bundle",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="What releases without a bundle of their own take.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Bundle(models.Model):
    """The manifests of an application, by the digest of their content; the content is the blob of that digest."""

    digest = models.CharField(max_length=80, primary_key=True, help_text="SHA-256 of the content; releases name it.")
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="bundles", help_text="Whose manifests these are."
    )
    files = models.JSONField(default=list, help_text="Its files, each with path and bytes.")
    size = models.PositiveIntegerField(help_text="Bytes of all of them.")
    makers = models.JSONField(default=list, help_text="Everybody who uploaded it.")
    origin = models.JSONField(
        default=dict, help_text="What it was rendered from, and by which program; empty: it was uploaded as it is."
    )
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was uploaded first.")

    def __str__(self) -> str:
        return self.digest[:19]

    @property
    def rendered_from(self) -> str:
        """Of what, and by which program, in a line; "" for what was uploaded as it is."""
        origin, git = self.origin, self.origin.get("git") or {}
        said = (
            " ".join(filter(None, (origin.get("chart"), origin.get("chart_version")))),
            f"from {origin['from']}" if origin.get("from") else "",
            f"from {git['repository']} at {git['commit'][:12]}" if git else "",
            f"by {origin['program']} {origin['version']}" if origin.get("program") else "",
        )
        return " ".join(filter(None, said))


class Release(models.Model):
    """An application at a version. What it brings never changes; who is known to have made it may grow."""

    application = models.ForeignKey(
        Application, on_delete=models.PROTECT, related_name="releases", help_text="What is released."
    )
    version = models.CharField(max_length=128, help_text="The version, as CI named it.")
    images = models.JSONField(default=dict, help_text="Each image's name and what it is pulled by.")
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="releases", help_text="Its manifests.")
    changelog = models.TextField(blank=True, help_text="What is new in it.")
    commit = models.CharField(max_length=64, blank=True, help_text="The commit that it was built from.")
    commit_author = models.CharField(max_length=200, blank=True, help_text="Login or address of who wrote the commit.")
    source = models.CharField(max_length=200, blank=True, help_text="Where it came from: a webhook's source, api, cli.")
    created_by = models.CharField(max_length=200, help_text="Who told the portal of it.")
    makers = models.JSONField(default=list, help_text="Everybody who had a hand in it, and so does not approve it.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When the portal heard of it.")

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["application", "version"], name="release_once")]

    def __str__(self) -> str:
        return f"{self.application} {self.version}"

    @property
    def made_by(self) -> tuple[Maker, ...]:
        """Everybody who made what it brings: commit, release and bundle."""
        return tuple(Maker.from_json(row) for row in (*self.makers, *self.bundle.makers))
