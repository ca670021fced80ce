"""What can go wrong between us and a registry, told apart."""


class RegistryError(Exception):
    """`words`: what happened and what to do, for a person. `transient`: the same question may be answered later."""

    transient = False

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class BadReference(RegistryError):
    """The text names no image."""


class ImageAbsent(RegistryError):
    """The registry answered, and does not have the image."""


class RegistryRefused(RegistryError):
    """The registry, or our own rules about whom we ask (`by_rule`), do not let us ask."""

    def __init__(self, words: str, *, by_rule: bool = False) -> None:
        super().__init__(words)
        self.by_rule = by_rule


class RegistryUnreachable(RegistryError):
    """No answer, or none that says whether the image is there. `lasts`: somebody has to act before there is one."""

    def __init__(self, words: str, *, lasts: bool = False) -> None:
        super().__init__(words)
        self.transient = not lasts


class RegistryThrottled(RegistryUnreachable):
    """Too many requests. `retry_after`: seconds, None where the registry does not say."""

    def __init__(self, words: str, retry_after: float | None) -> None:
        super().__init__(words)
        self.retry_after = retry_after
