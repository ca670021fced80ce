"""Queries as trees. What Prometheus knows and the sandbox does not is refused by name."""

from typing import NoReturn

from sandbox.metrics.promql import build
from sandbox.metrics.promql.errors import QueryError, unsupported
from sandbox.metrics.promql.lexer import Token, fail, milliseconds, tokens, unquoted
from sandbox.metrics.promql.nodes import NAME, Matcher, Matching, Node, Number, Range, Selector

_PRECEDENCE = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", ">", "<", ">=", "<="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    **dict.fromkeys(("^",), 6),
}
_BEYOND = {"and", "unless", "%", "atan2", "^"}
_UNARY = 6
_DEEPEST = 50
_MATCHERS = ("=", "!=", "=~", "!~")
_NUMBERS = {"inf", "nan"}


def parse(query: str) -> Node:
    """The tree of a query. QueryError says what is wrong, with line and column."""
    return _Parser(query).whole()


class _Parser:
    def __init__(self, query: str) -> None:
        self.query, self.tokens = query, tokens(query)
        self.next, self.depth = 0, 0

    def whole(self) -> Node:
        if self.token.kind == "end":
            raise QueryError("unknown position: parse error: no expression found in input")
        node = self._expression(1)
        if self.token.kind != "end":
            self._unexpected("the end")
        return node

    # -- reading on -------------------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def _take(self) -> Token:
        taken = self.token
        self.next += 1
        return taken

    def _is(self, *words: str) -> bool:
        """Whether one of the signs or keywords is next; keywords in any case."""
        return self.token.kind in ("sign", "name") and self.token.text.lower() in words

    def _accept(self, *words: str) -> bool:
        return self._is(*words) and bool(self._take())

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._unexpected(repr(word))

    def _unexpected(self, expected: str) -> NoReturn:
        what = self.token.text if self.token.kind == "end" else repr(self.token.text)
        fail(self.query, self.token.at, f"unexpected {what}, expected {expected}")

    def _fail(self, token: Token, words: str) -> NoReturn:
        fail(self.query, token.at, words)

    # -- expressions ------------------------------------------------------------------------------------------------

    def _expression(self, weakest: int) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            self._fail(self.token, unsupported(f"an expression nested deeper than {_DEEPEST} levels"))
        node = self._unary()
        while self._strength() >= weakest:
            node = self._binary(node)
        self.depth -= 1
        return node

    def _strength(self) -> int:
        return _PRECEDENCE.get(self.token.text.lower(), 0) if self.token.kind in ("sign", "name") else 0

    def _binary(self, left: Node) -> Node:
        strength, sign = self._strength(), self._take()
        operator = sign.text.lower()
        if operator in _BEYOND:
            self._fail(sign, unsupported(f"the operator {operator}"))
        truth = self._accept("bool")
        matching = self._matching()
        right = self._expression(strength + 1)
        try:
            return build.binary(operator, left, right, truth, matching)
        except ValueError as error:
            self._fail(sign, str(error))

    def _matching(self) -> Matching | None:
        matching = None
        if self._is("on", "ignoring"):
            on = self._take().text.lower() == "on"
            matching = Matching(on, self._labels())
        if self._is("group_left", "group_right"):
            self._fail(self.token, unsupported(f"many-to-one matching ({self.token.text.lower()})"))
        return matching

    def _unary(self) -> Node:
        sign = self.token
        if not self._is("-", "+"):
            return self._primary()
        self._take()
        operand = self._expression(_UNARY)
        try:
            return build.signed(sign.text, operand)
        except ValueError as error:
            self._fail(sign, str(error))

    def _primary(self) -> Node:
        token = self.token
        if token.kind == "number" or (token.kind == "name" and token.text.lower() in _NUMBERS):
            return Number(_number(self._take().text))
        if token.kind == "duration":
            self._fail(token, f"unexpected duration {token.text!r}, expected a number or a metric")
        if token.kind == "text":
            self._fail(token, unsupported("a text as a value"))
        if self._accept("("):
            return self._inside()
        if token.kind != "name" and not self._is("{"):
            self._unexpected("an expression")
        return self._named()

    def _inside(self) -> Node:
        node = self._expression(1)
        self._expect(")")
        self._refuse_modifiers()
        return node

    def _refuse_modifiers(self) -> None:
        """Subqueries, offset and @, which could follow any expression."""
        if self._is("["):
            self._fail(self.token, unsupported("a range of anything but a selector (a subquery)"))
        if self._is("offset", "@"):
            self._fail(self.token, unsupported(f"the modifier {self.token.text.lower()}"))

    def _named(self) -> Node:
        """A selector, or what is called: a function or an aggregation."""
        following = self.tokens[self.next + 1] if self.token.kind == "name" else None
        if following is not None and following.text == "(":
            return self._call()
        if self.token.text.lower() in build.AGGREGATIONS and following and following.text.lower() in ("by", "without"):
            return self._call()
        return self._selector()

    # -- calls ------------------------------------------------------------------------------------------------------

    def _call(self) -> Node:
        name = self._take()
        aggregation = name.text.lower() in build.AGGREGATIONS
        grouping = self._grouping() if aggregation else None
        arguments = self._arguments()
        if aggregation and grouping is None:
            grouping = self._grouping()
        self._refuse_modifiers()
        try:
            if aggregation:
                return build.aggregate(name.text.lower(), grouping, arguments)
            return build.call(name.text, arguments)
        except ValueError as error:
            self._fail(name, str(error))

    def _grouping(self) -> tuple[bool, frozenset[str]] | None:
        if not self._is("by", "without"):
            return None
        without = self._take().text.lower() == "without"
        return without, self._labels()

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        arguments: list[Node] = []
        while not self._is(")"):
            arguments.append(self._expression(1))
            if not self._accept(","):
                break
        self._expect(")")
        return tuple(arguments)

    def _labels(self) -> frozenset[str]:
        self._expect("(")
        labels = []
        while not self._is(")"):
            labels.append(self._label())
            if not self._accept(","):
                break
        self._expect(")")
        return frozenset(labels)

    def _label(self) -> str:
        if self.token.kind != "name" or ":" in self.token.text:
            self._unexpected("a label")
        return self._take().text

    # -- selectors --------------------------------------------------------------------------------------------------

    def _selector(self) -> Node:
        start = self.token
        name = self._take().text if start.kind == "name" else ""
        matchers = self._matchers() if self._is("{") else ()
        if name:
            self._refuse_second_name(start, name, matchers)
            matchers = (Matcher(NAME, "=", name), *matchers)
        elif all(matcher.matches("") for matcher in matchers):
            self._fail(start, "vector selector must contain at least one non-empty matcher")
        selector = self._ranged(Selector(matchers))
        self._refuse_modifiers()
        return selector

    def _refuse_second_name(self, start: Token, name: str, matchers: tuple[Matcher, ...]) -> None:
        for matcher in matchers:
            if matcher.label == NAME:
                self._fail(start, f'metric name must not be set twice: "{name}" or "{matcher.value}"')

    def _matchers(self) -> tuple[Matcher, ...]:
        self._expect("{")
        matchers = []
        while not self._is("}"):
            matchers.append(self._matcher())
            if not self._accept(","):
                break
        self._expect("}")
        return tuple(matchers)

    def _matcher(self) -> Matcher:
        label = self._label()
        if not self._is(*_MATCHERS):
            self._unexpected("=, !=, =~ or !~")
        operator, text = self._take().text, self.token
        if text.kind != "text":
            self._unexpected("a text in quotes")
        self._take()
        try:
            return Matcher(label, operator, unquoted(text.text))
        except (ValueError, QueryError) as error:
            self._fail(text, str(error))

    def _ranged(self, selector: Selector) -> Node:
        if not self._accept("["):
            return selector
        token = self.token
        if token.kind not in ("duration", "number"):
            self._unexpected("a duration")
        self._take()
        if self.token.text.startswith(":"):
            self._fail(token, unsupported("a subquery"))
        self._expect("]")
        try:
            return Range(selector, milliseconds(token.text))
        except ValueError as error:
            self._fail(token, str(error))


def _number(text: str) -> float:
    return float(int(text, 16)) if text[:2].lower() == "0x" else float(text)
