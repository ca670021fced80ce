"""What cannot be asked is an error with its place, never a number."""

import pytest

from sandbox.metrics.promql.errors import QueryError
from sandbox.metrics.promql.parser import parse
from tests.sandbox.metrics.recorded import ask, history

MISSING = [
    ("topk(1, a)", 'the aggregation "topk"'),
    ("stddev(a)", 'the aggregation "stddev"'),
    ("quantile(0.5, a)", 'the aggregation "quantile"'),
    ("irate(a[1m])", 'the function "irate"'),
    ("delta(a[1m])", 'the function "delta"'),
    ("avg_over_time(a[1m])", 'the function "avg_over_time"'),
    ("time()", 'the function "time"'),
    ("label_replace(a, 'b', 'c', 'd', 'e')", "a text as a value"),
    ("round(a)", 'the function "round"'),
    ("RATE(a[1m])", 'the function "RATE"'),
    ("a and b", "the operator and"),
    ("a unless b", "the operator unless"),
    ("a % 2", "the operator %"),
    ("2 ^ 3", "the operator ^"),
    ("a atan2 b", "the operator atan2"),
    ("a offset 5m", "the modifier offset"),
    ("a[5m] offset 1m", "the modifier offset"),
    ("sum(a) offset 5m", "the modifier offset"),
    ("a @ 1700000000", "the modifier @"),
    ("a[5m:1m]", "a subquery"),
    ("rate(a[5m])[5m:1m]", "a subquery"),
    ("(a)[5m]", "a subquery"),
    ("a * on (b) group_left c", "many-to-one matching (group_left)"),
    ("a * ignoring (b) group_right (d) c", "many-to-one matching (group_right)"),
    ('"text"', "a text as a value"),
    ("(" * 60 + "1" + ")" * 60, "nested deeper than 50 levels"),
]

WRONG = [
    ("", "no expression found in input"),
    ("a +", "1:4: parse error: unexpected end of input"),
    ("a b", "1:3: parse error: unexpected 'b', expected the end"),
    ("(a", "1:3: parse error: unexpected end of input, expected ')'"),
    ("a\n + }", "2:4: parse error: unexpected '}'"),
    ("a{b}", "1:4: parse error: unexpected '}', expected =, !=, =~ or !~"),
    ("a{b=c}", "1:5: parse error: unexpected 'c', expected a text in quotes"),
    ("a{b='c' d='e'}", "expected '}'"),
    ("a{b=~'('}", "error parsing regexp: missing ): "),
    ("a{b=~'(?=x)'}", "error parsing regexp: invalid perl operator"),
    (r"a{b=~'5\..'}", r"unknown escape sequence '\\.'; a backslash is written twice"),
    (r"""a{b="\'"}""", "unknown escape sequence"),
    ("{}", "vector selector must contain at least one non-empty matcher"),
    ("{a=~'.*'}", "vector selector must contain at least one non-empty matcher"),
    ("a{__name__='b'}", 'metric name must not be set twice: "a" or "b"'),
    ("a[0s]", "duration must be greater than 0"),
    ("a[5]", "not a valid duration string: '5'"),
    ("a[1m1h]", "not a valid duration string: '1m1h'"),
    ("a[b]", "unexpected 'b', expected a duration"),
    ("5m", "unexpected duration '5m'"),
    ("1 > 2", "comparisons between scalars must use BOOL modifier"),
    ("1 + bool 2", "bool modifier can only be used on comparison operators"),
    ("1 or a", 'set operator "or" not allowed in binary scalar expression'),
    ("a + on (b) 1", "vector matching only allowed between instant vectors"),
    ("a[1m] + 1", "binary expression must contain only scalar and instant vector types"),
    ("-a[1m]", "unary expression only allowed on expressions of type scalar or instant vector, got range vector"),
    ("rate(a)", 'expected type range vector in call to function "rate", got instant vector'),
    ("rate(1)", 'expected type range vector in call to function "rate", got scalar'),
    ("sum(1)", "expected type instant vector in aggregation expression, got scalar"),
    ("sum(a[1m])", "expected type instant vector in aggregation expression, got range vector"),
    ("sum(a, b)", "expected 1, got 2"),
    ("rate(a[1m], 2)", 'expected 1 argument(s) in call to "rate", got 2'),
    ("histogram_quantile(a)", 'expected 2 argument(s) in call to "histogram_quantile", got 1'),
    ("clamp_min(a, a)", 'expected type scalar in call to function "clamp_min", got instant vector'),
    ("sum by (a:b) (c)", "unexpected 'a:b', expected a label"),
    ("a $ b", "1:3: parse error: unexpected character: '$'"),
    ("'open", 'unexpected character: "\'"'),
    ("12x", "unexpected character: '1'"),
]


@pytest.mark.parametrize(("query", "what"), MISSING, ids=[query[:40] for query, _ in MISSING])
def test_what_prometheus_knows_and_the_sandbox_does_not_is_named(query, what):
    with pytest.raises(QueryError) as refused:
        parse(query)
    assert what in refused.value.words
    assert refused.value.words.endswith("is not supported by the sandbox's Prometheus")
    assert refused.value.kind == "bad_data"


@pytest.mark.parametrize(("query", "words"), WRONG, ids=[query or "nothing" for query, _ in WRONG])
def test_what_prometheus_does_not_know_either_is_explained(query, words):
    with pytest.raises(QueryError) as refused:
        parse(query)
    assert words in refused.value.words
    assert refused.value.kind == "bad_data"


AMBIGUOUS = [
    ("a * on (x) b", 'found duplicate series for the match group {x="1"} on the right hand-side'),
    ("b * on (x) a{y='1'}", "multiple matches for labels: many-to-one matching must be explicit"),
    ("rate({__name__=~'a|c'}[1m])", "vector cannot contain metrics with the same labelset"),
    ("-{__name__=~'a|c'}", "vector cannot contain metrics with the same labelset"),
    ("{__name__=~'a|c'} + 1", "vector cannot contain metrics with the same labelset"),
]


@pytest.mark.parametrize(("query", "words"), AMBIGUOUS)
def test_what_has_two_answers_has_none(query, words):
    table = {'a{x="1",y="1"}': [1, 1], 'c{x="1",y="1"}': [1, 1], 'b{x="1",y="1"}': [1, 1], 'b{x="1",y="2"}': [1, 1]}
    with pytest.raises(QueryError) as refused:
        ask(history(table), query, at=10)
    assert words in refused.value.words
    assert refused.value.kind == "execution"
