"""Queries and what Prometheus 2 answers to them; the lane "prometheus" asks the real one for the same rules."""

import pytest

from tests.sandbox.metrics.recorded import ask, history

WEB = {
    'web{app="a",code="200"}': [10],
    'web{app="a",code="500"}': [2],
    'web{app="b",code="200"}': [30],
    'limit{app="a"}': [5],
    'limit{app="b"}': [40],
    'odd{kind="nan"}': [float("nan")],
    'odd{kind="inf"}': [float("inf")],
    'odd{kind="low"}': [-1],
    'first{x="1"}': [float("nan")],
    'first{x="2"}': [3],
}

VALUES = [
    # numbers
    ("1", "1"),
    ("-1.5e3", "-1500"),
    ("0x1F", "31"),
    (".5", "0.5"),
    ("Inf", "+Inf"),
    ("-inf", "-Inf"),
    ("NaN", "NaN"),
    ("1 + 2 * 3", "7"),
    ("(1 + 2) * 3", "9"),
    ("8 / 4 / 2", "1"),
    ("2 - 3 - 4", "-5"),
    ("-(1 + 2) * -2", "6"),
    ("+3", "3"),
    ("-1 - 1", "-2"),
    ("1 / 0", "+Inf"),
    ("-1 / 0", "-Inf"),
    ("1 / -0", "-Inf"),
    ("0 / 0", "NaN"),
    ("1 > bool 2", "0"),
    ("1 + 1 == bool 2", "1"),
    ("1e21", "1000000000000000000000"),
    ("1 # a comment\n + 1", "2"),
    # selectors
    ("web", {"web{app=a,code=200}": "10", "web{app=a,code=500}": "2", "web{app=b,code=200}": "30"}),
    ('web{app="b"}', {"web{app=b,code=200}": "30"}),
    ("web{app='b', code=`200`,}", {"web{app=b,code=200}": "30"}),
    ('web{app!="a"}', {"web{app=b,code=200}": "30"}),
    ('web{code=~"5.*"}', {"web{app=a,code=500}": "2"}),
    ('web{code=~"5"}', {}),
    ('web{code=~"50|00"}', {}),
    ('web{code!~"5.."}', {"web{app=a,code=200}": "10", "web{app=b,code=200}": "30"}),
    ('web{none=""}', {"web{app=a,code=200}": "10", "web{app=a,code=500}": "2", "web{app=b,code=200}": "30"}),
    ('web{none=~".+"}', {}),
    ('{__name__="limit",app="a"}', {"limit{app=a}": "5"}),
    ('{__name__=~"l.*t",app="a"}', {"limit{app=a}": "5"}),
    ('web{app=~"\\\\w", code="500"}', {"web{app=a,code=500}": "2"}),
    ("nothing", {}),
    # aggregation
    ("sum(web)", {"{}": "42"}),
    ("sum(nothing)", {}),
    ("sum by (app) (web)", {"{app=a}": "12", "{app=b}": "30"}),
    ("sum(web) by (app,)", {"{app=a}": "12", "{app=b}": "30"}),
    ("SUM BY (none) (web)", {"{}": "42"}),
    ("sum without (code) (web)", {"{app=a}": "12", "{app=b}": "30"}),
    ("sum without () (limit)", {"{app=a}": "5", "{app=b}": "40"}),
    ("avg(web)", {"{}": "14"}),
    ("min by (app) (web)", {"{app=a}": "2", "{app=b}": "30"}),
    ("max(web)", {"{}": "30"}),
    ("count(web)", {"{}": "3"}),
    ("max(odd)", {"{}": "+Inf"}),
    ("min(odd)", {"{}": "-1"}),
    ("sum(odd)", {"{}": "NaN"}),
    ('avg(odd{kind!="nan"})', {"{}": "+Inf"}),
    ("max(first)", {"{}": "3"}),
    ("min(first)", {"{}": "3"}),
    ('max(odd{kind="nan"})', {"{}": "NaN"}),
    # arithmetic with a number
    ("limit * 2", {"{app=a}": "10", "{app=b}": "80"}),
    ("100 - limit", {"{app=a}": "95", "{app=b}": "60"}),
    ("-limit", {"{app=a}": "-5", "{app=b}": "-40"}),
    ('-limit{app="a"} * 2', {"{app=a}": "-10"}),
    ("limit / 0", {"{app=a}": "+Inf", "{app=b}": "+Inf"}),
    # arithmetic of vectors
    ('web{code="200"} / limit', {}),
    ('web{code="200"} / ignoring (code) limit', {"{app=a}": "2", "{app=b}": "0.75"}),
    ('web{code="200"} / on (app) limit', {"{app=a}": "2", "{app=b}": "0.75"}),
    ("sum by (app) (web) - limit", {"{app=a}": "7", "{app=b}": "-10"}),
    ('sum(web{code="200"}) / sum(web) * 100', {"{}": "95.23809523809523"}),
    ("sum(web) / sum(nothing)", {}),
    ("nothing * on (app) web", {}),
    ("limit + limit", {"{app=a}": "10", "{app=b}": "80"}),
    # comparison
    ("limit > 10", {"limit{app=b}": "40"}),
    ("10 < limit", {"limit{app=b}": "40"}),
    ("limit >= bool 40", {"{app=a}": "0", "{app=b}": "1"}),
    ("limit <= 5", {"limit{app=a}": "5"}),
    ("limit == 5", {"limit{app=a}": "5"}),
    ("limit != 5", {"limit{app=b}": "40"}),
    ("sum by (app) (web) > limit", {"{app=a}": "12"}),
    ("limit < sum by (app) (web)", {"limit{app=a}": "5"}),
    ("limit < bool sum by (app) (web)", {"{app=a}": "1", "{app=b}": "0"}),
    ('limit < on (app) web{code="200"}', {"{app=a}": "5"}),
    ('odd{kind="nan"} == odd{kind="nan"}', {}),
    # or
    ('limit{app="a"} or limit', {"limit{app=a}": "5", "limit{app=b}": "40"}),
    ("nothing or limit * 0", {"{app=a}": "0", "{app=b}": "0"}),
    ("sum(nothing) or vector(0)", {"{}": "0"}),
    ("limit or on (app) web", {"limit{app=a}": "5", "limit{app=b}": "40"}),
    ('limit{app="b"} or ignoring (code) web{code="200"}', {"limit{app=b}": "40", "web{app=a,code=200}": "10"}),
    ("1 + 1 > bool 1 + vector(1)", {"{}": "0"}),
    # functions
    ("clamp_min(limit, 10)", {"{app=a}": "10", "{app=b}": "40"}),
    ("clamp_max(limit, 10)", {"{app=a}": "5", "{app=b}": "10"}),
    ('clamp_min(odd{kind="nan"}, 1)', {"{kind=nan}": "NaN"}),
    ("clamp_max(limit, NaN)", {"{app=a}": "NaN", "{app=b}": "NaN"}),
    ('clamp_min(odd{kind="nan"}, Inf)', {"{kind=nan}": "+Inf"}),
    ('clamp_max(odd{kind="nan"}, -Inf)', {"{kind=nan}": "-Inf"}),
    ('scalar(limit{app="a"})', "5"),
    ("scalar(limit)", "NaN"),
    ("scalar(nothing)", "NaN"),
    ('limit * scalar(limit{app="a"})', {"{app=a}": "25", "{app=b}": "200"}),
    ("vector(3) + 1", {"{}": "4"}),
    ("absent(web)", {}),
    ("absent(nothing)", {"{}": "1"}),
    ('absent(nothing{app="a",code=~"5.*"})', {"{app=a}": "1"}),
    ('absent((nothing{app="a",app="b",code="1"}))', {"{code=1}": "1"}),
    ('absent(sum(nothing{app="a"}))', {"{}": "1"}),
]


@pytest.mark.parametrize(("query", "expected"), VALUES, ids=[query for query, _ in VALUES])
def test_a_query_has_the_value_that_prometheus_gives(query, expected):
    assert ask(history(WEB), query) == expected


def test_keywords_may_be_names_of_labels_and_metrics():
    kept = history({'by{on="1",sum="2"}': [1], "sum": [2], "or": [3]})
    assert ask(kept, 'by{sum="2"}') == {"by{on=1,sum=2}": "1"}
    assert ask(kept, "sum by (on) (by)") == {"{on=1}": "1"}
    assert ask(kept, "sum + or") == {"{}": "5"}


def test_escapes_in_labels_are_go_s():
    kept = history({"a": [1]})
    assert ask(kept, r"""absent(b{c="\"\\\t\x41é\101",d='\'',e=`\d`})""") == {
        "{c=\"\\\tAéA,d=',e=\\d}": "1",
    }
