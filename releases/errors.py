"""What is told to the one who asked; each says what is wrong and what to do."""


class Unacceptable(ValueError):
    """What was handed in cannot be taken: a bad version, a missing comment, an unknown strategy."""


class PlanRefused(Exception):
    """The rollout can never go as it was asked for; the text is for the person who asked."""


class PlanPostponed(Exception):
    """The plan cannot be made now but may later. `retry_after` is in seconds.

    `tries`: after how many it ends, 0 for as many as any plan has; `advice` is said then.
    """

    def __init__(self, words: str, retry_after: float | None = None, *, tries: int = 0, advice: str = "") -> None:
        super().__init__(words)
        self.retry_after = retry_after
        self.tries = tries
        self.advice = advice
