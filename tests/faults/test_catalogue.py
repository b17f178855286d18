"""Documents: what is wrong is named by pointer, with what was expected, what came, and what was probably meant."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from emulator.faults import BadFault, Catalogue
from emulator.faults.catalogue import Draft
from tests.faults.kit import PIGEONS, RAVENS, rule

CATALOGUE = Catalogue([PIGEONS, RAVENS])
VALIDATOR = Draft202012Validator(CATALOGUE.schema())


def resting(**parameters: Any) -> dict[str, Any]:
    return rule("rest", parameters={"secs": 1, **parameters})


WRONG: list[tuple[Any, str, str | None, str]] = [
    (None, "", None, "an object, got null"),
    ([], "", None, "an object, got a list"),
    ({}, "/surface", None, "got nothing"),
    ({"surface": 3}, "/surface", None, "got 3"),
    ({"surface": "pigeon"}, "/surface", "pigeons", 'got "pigeon"'),
    ({"surfase": "pigeons"}, "/surfase", "surface", "a field"),
    ({"surface": "pigeons"}, "/kind", None, "get_lost, moult, rest, sing"),
    ({"surface": "pigeons", "kin": "sing"}, "/kin", "kind", "a field"),
    (rule("snig"), "/kind", "sing", "a kind of pigeons fault"),
    (rule(probabilty=1), "/probabilty", "probability", "a field of a fault"),
    (rule(zzzz=1), "/zzzz", None, "a field of a fault"),
    (rule(**{"a/b~c": 1}), "/a~1b~0c", None, "a field"),
    (rule(probability=1.5), "/probability", None, "from 0 to 1, got 1.5"),
    (rule(probability=True), "/probability", None, "got true"),
    (rule(probability=math.nan), "/probability", None, "got NaN"),
    (rule(count=0), "/count", None, "from 1"),
    (rule(count=1.0), "/count", None, "an integer"),
    (rule(after=-1), "/after", None, "from 0"),
    (rule(seed="x"), "/seed", None, 'got "x"'),
    (rule(seed=10**400), "/seed", None, "a huge integer"),
    (rule(id=""), "/id", None, "1 to 100 characters, got 0"),
    (rule(id="a b"), "/id", None, "letters, digits"),
    (rule(id="x\n"), "/id", None, "letters, digits"),
    (rule(match=[]), "/match", None, "an object"),
    (rule(match={"twon": "x"}), "/match/twon", "town", "a fact (attempt, colour, town)"),
    (rule(match={"town": []}), "/match/town", None, "1 to 50 globs"),
    (rule(match={"town": ["x", False]}), "/match/town/1", None, "got false"),
    (rule(match={"town": "x" * 501}), "/match/town", None, "501"),
    (rule(match={"town": 1.5}), "/match/town", None, "a glob"),
    (rule(parameters=[]), "/parameters", None, "an object"),
    (rule("rest"), "/parameters/secs", None, "the required secs (how long)"),
    (rule("sing", parameters={"secs": 1}), "/parameters/secs", None, "there is none"),
    (resting(brakes=1), "/parameters/brakes", "breaks", "a parameter"),
    (resting(breaks=10), "/parameters/breaks", None, "from 1 to 9, got 10"),
    (resting(weight="x"), "/parameters/weight", None, "a number from 0 to 2.5"),
    (resting(asleep=1), "/parameters/asleep", None, "true or false"),
    (resting(asleep=True, breaks=6), "/parameters", None, "at most 5 breaks"),
    (resting(perch="rof"), "/parameters/perch", "roof", "one of these"),
    (resting(perch=1), "/parameters/perch", None, "one of roof, tree"),
    (resting(thought="CORN"), "/parameters/thought", None, "small letters"),
    (resting(thought=5), "/parameters/thought", None, "a string"),
    (resting(marks=5), "/parameters/marks", None, "an object"),
    (resting(marks={"a": 9}), "/parameters/marks/a", None, "from 0 to 3"),
    (resting(marks={"toolong": 1}), "/parameters/marks/toolong", None, "0 to 5 characters"),
    (resting(marks={"a": 1, "b": 1, "c": 1}), "/parameters/marks", None, "at most 2 members"),
    (resting(secs="1"), "/parameters/secs", None, "uniform"),
    (resting(secs=61), "/parameters/secs", None, "from 0 to 60"),
    (resting(secs={}), "/parameters/secs", None, "0 members"),
    (resting(secs={"unifrom": [0, 1]}), "/parameters/secs/unifrom", "uniform", "a distribution"),
    (resting(secs={"uniform": [2, 1]}), "/parameters/secs/uniform", None, "lower number first"),
    (resting(secs={"uniform": [0, 99]}), "/parameters/secs/uniform/1", None, "got 99"),
    (resting(secs={"uniform": 5}), "/parameters/secs/uniform", None, "two numbers"),
    (resting(secs={"lognormal": {"median": 1}}), "/parameters/secs/lognormal", None, "median and sigma"),
    (resting(secs={"lognormal": {"median": 0, "sigma": 1}}), "/parameters/secs/lognormal/median", None, "got 0"),
]


@pytest.mark.parametrize(("document", "pointer", "suggestion", "text"), WRONG)
def test_what_is_wrong_is_named(document: Any, pointer: str, suggestion: str | None, text: str) -> None:
    with pytest.raises(BadFault) as refused:
        CATALOGUE.read(document)
    error = refused.value
    assert (error.pointer, error.suggestion) == (pointer, suggestion), str(error)
    assert text in str(error)
    assert error.expected in str(error)
    assert len(str(error)) < 1000


def test_a_pointer_starts_where_the_document_stands() -> None:
    with pytest.raises(BadFault, match=r"^/faults/3/kind: expected .* did you mean \"sing\"\?$"):
        CATALOGUE.read(rule("sin"), "/faults/3")


def test_left_out_and_null_are_the_defaults() -> None:
    bare = CATALOGUE.read(rule())
    nulls = dict.fromkeys(("id", "parameters", "match", "probability", "count", "after", "seed"))
    filled = CATALOGUE.read(rule(**nulls))
    for draft in (bare, filled):
        assert draft.id is None
        assert draft.terms.match.globs == {}
        assert (draft.terms.probability, draft.terms.count, draft.terms.after, draft.terms.seed) == (1, None, 0, 0)


def test_every_kind_describes_itself() -> None:
    described = {(kind["surface"], kind["kind"]): kind for kind in CATALOGUE.describe()}
    assert set(described) == {
        ("pigeons", "rest"),
        ("pigeons", "get_lost"),
        ("pigeons", "sing"),
        ("pigeons", "moult"),
        ("ravens", "get_lost"),
    }
    rest = described["pigeons", "rest"]
    assert rest["summary"] == "Sit down for a while."
    assert rest["parameters"]["required"] == ["secs"]
    assert rest["parameters"]["properties"]["breaks"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "description": "how often",
    }
    assert set(rest["facts"]) == {"colour", "town", "attempt"}
    for kind in described.values():
        Draft202012Validator.check_schema(kind["parameters"])


WORDS = st.sampled_from(
    ["id", "surface", "kind", "parameters", "match", "probability", "count", "after", "seed", "secs", "uniform"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["pigeons", "ravens", "rest", "sing", "get_lost", "Bonn", "*", "[", "[!]", "tree"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | WORDS, inner, max_size=5),
    max_leaves=12,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(["secs", "breaks", "weight", "asleep", "perch", "thought", "marks"]) | st.text(max_size=5), VALUES
)
RULES = st.fixed_dictionaries(
    {"surface": st.sampled_from(["pigeons", "ravens"]), "kind": st.sampled_from(["rest", "sing", "get_lost"])},
    optional={
        "id": VALUES,
        "parameters": PARAMETERS | VALUES,
        "match": st.dictionaries(st.sampled_from(["town", "colour", "attempt"]), VALUES) | VALUES,
        "probability": st.floats(0, 1) | VALUES,
        "count": st.integers(0, 5) | VALUES,
        "after": st.integers(-1, 5) | VALUES,
        "seed": st.integers() | VALUES,
    },
)


def read_or_refused(document: Any) -> Draft | BadFault:
    try:
        return CATALOGUE.read(document, "/here")
    except BadFault as error:
        return error


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(VALUES | RULES)
def test_any_document_is_read_or_refused_with_the_typed_error(document: Any) -> None:
    outcome = read_or_refused(document)
    if isinstance(outcome, BadFault):
        assert outcome.pointer == "/here" or outcome.pointer.startswith("/here/")
    else:
        outcome.terms.match({"town": "Bonn", "colour": ("a", "b")})


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(RULES)
def test_what_is_read_the_published_schema_allows_as_well(document: Any) -> None:
    """Nulls aside, which stand for left out."""
    if isinstance(read_or_refused(document), Draft):
        VALIDATOR.validate(_without_nulls(document))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


BEYOND_SCHEMAS = [
    resting(asleep=True, breaks=6),
    resting(secs={"uniform": [2, 1]}),
    rule(count=1.0),  # to a schema this is an integer
    rule(id="x\n"),  # and in Python's dialect `$` also matches before a final line break
]


@pytest.mark.parametrize(
    "document",
    [d for d, _, _, text in WRONG if d not in BEYOND_SCHEMAS and "NaN" not in text],
)
def test_what_is_refused_the_published_schema_refuses_as_well(document: Any) -> None:
    """But for what a schema can not say, and for NaN, which JSON does not have."""
    assert not VALIDATOR.is_valid(document)
