"""How large a bundle may be: one table, and the count of what its files use up together.

What a bundle costs grows with its values, not with its bytes: definitions of custom resources have 10,000 to 25,000
values a MiB, dashboards a handful, a hostile list 350,000. 100,000 values take about half a second and 30 MB: the most
that a bundle may have takes 3 seconds and 200 MB. 20 MiB of Prometheus' definitions take 4 seconds and 60 MB, and as
much again when they are rendered.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class BundleLimits:
    """Sizes are bytes, of all files together unless it says otherwise.

    `ratio` is how many times larger than the archive its contents may be, once past `free`. `values` and `text` (in
    characters) count what aliases and merge keys bring in each time.
    """

    archive: int = 20 * 1024**2
    member: int = 5 * 1024**2  # one file
    total: int = 20 * 1024**2
    count: int = 2000  # files
    ratio: int = 100
    free: int = 10 * 1024**2
    path: int = 255  # characters
    depth: int = 12  # folders
    documents: int = 10_000
    values: int = 500_000
    text: int = 40 * 1024**2
    nesting: int = 60  # levels of one document
    images: int = 2000
    kept: int = 200 * 1024**2  # of all opened bundles that a process keeps


LIMITS = BundleLimits()
VALUE_BYTES = 300  # that a value takes in memory beside its text, about


class TooLarge(ValueError):
    """The bundle is more than it may be; the message says of what."""


class Budget:
    """What the files of one bundle have used up so far."""

    def __init__(self, limits: BundleLimits = LIMITS) -> None:
        self.limits = limits
        self.documents = self.values = self.text = 0

    @property
    def is_spent(self) -> bool:
        """Whether the bundle has more than it may have: whatever follows is too much as well."""
        limits = self.limits
        return self.values > limits.values or self.text > limits.text or self.documents > limits.documents

    def spend(self, values: int, text: int = 0) -> None:
        """TooLarge where that is more than the bundle as a whole may have."""
        self.values += values
        self.text += text
        if self.values > self.limits.values:
            raise TooLarge(f"with it the bundle has more than {self.limits.values:,} values, aliases followed")
        if self.text > self.limits.text:
            raise TooLarge(
                f"with it the bundle has more than {self.limits.text // 1024**2} MiB of text, aliases followed"
            )

    @property
    def memory(self) -> int:
        """What is held of what was spent, in bytes, about; aliases share what they stand for, so it is never more."""
        return self.values * VALUE_BYTES + self.text

    def begin_document(self) -> None:
        """TooLarge where the bundle has too many of them."""
        self.documents += 1
        if self.documents > self.limits.documents:
            raise TooLarge(f"with it the bundle has more than {self.limits.documents:,} documents")
