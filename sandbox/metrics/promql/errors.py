"""What is wrong with a query, in Prometheus' terms."""


class QueryError(Exception):
    """`kind` is Prometheus' errorType: "bad_data" for what cannot be asked, "execution" for what has no answer."""

    def __init__(self, words: str, kind: str = "bad_data") -> None:
        super().__init__(words)
        self.words, self.kind = words, kind


def unsupported(what: str) -> str:
    """Words for what Prometheus knows and the sandbox leaves out."""
    return f"{what} is not supported by the sandbox's Prometheus"
