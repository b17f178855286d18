"""Text to tree: the bounds, the refusals, and where things stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.scenario.errors import ScenarioInvalid, ScenarioUnreadable
from emulator.scenario.reading import tree
from emulator.scenario.reading.issues import Issues, Misread
from emulator.scenario.reading.nodes import Mapping, Mark, Node, Scalar, Sequence


def parse(text: str) -> Node:
    """Raises ScenarioInvalid."""
    issues = Issues("x.yaml", text)
    try:
        node = tree.parse(text, issues)
    except Misread:
        issues.raise_if_any()
        raise
    issues.raise_if_any()
    return node


def refusal(text: str) -> str:
    with pytest.raises(ScenarioInvalid) as caught:
        parse(text)
    return str(caught.value)


def test_quoted_scalars_are_text_and_plain_ones_follow_the_core_schema() -> None:
    node = parse("['7', 7, \"true\", true, on]")
    assert isinstance(node, Sequence)
    assert [item.value for item in node.items if isinstance(item, Scalar)] == ["7", 7, "true", True, "on"]


def test_every_node_knows_its_line_column_and_width() -> None:
    node = parse("a:\n  - bc: 12\n")
    assert isinstance(node, Mapping)
    (key, items) = node.entries[0]
    assert key.mark == Mark(1, 1, 1)
    assert isinstance(items, Sequence)
    assert isinstance(items.items[0], Mapping)
    (inner, value) = items.items[0].entries[0]
    assert (inner.mark, value.mark) == (Mark(2, 5, 2), Mark(2, 9, 2))


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [x]", "a: !!str 7", "!x {}", "! 7", "- !<tag:yaml.org,2002:int> 7"]
)
def test_tags_are_refused(text: str) -> None:
    assert "tags are not part of a scenario" in refusal(text)


def test_a_duplicate_key_is_refused_with_the_line_of_the_first() -> None:
    assert refusal("a: 1\nb: 2\na: 3\n").startswith('x.yaml:3:1: the key "a" is here already, in line 1')


def test_keys_that_differ_only_in_quotes_are_the_same_key() -> None:
    assert "already" in refusal("7: 1\n'7': 2\n")


def test_a_key_that_is_no_word_is_refused() -> None:
    assert "a key is a word" in refusal("? [a]\n: 1\n")
    assert "a key is a word" in refusal("? \n: 1\n")


def test_merge_keys_have_no_meaning() -> None:
    node = parse("a: &a {x: 1}\nb: {<<: *a}\n")
    assert isinstance(node, Mapping)
    assert isinstance(node.entries[1][1], Mapping)
    assert node.entries[1][1].entries[0][0].text == "<<"


def test_aliases_are_expanded_and_stand_where_they_are_used() -> None:
    node = parse("a: &x [1, 2]\nb: *x\n")
    assert isinstance(node, Mapping)
    first, second = node.entries[0][1], node.entries[1][1]
    assert isinstance(first, Sequence)
    assert isinstance(second, Sequence)
    assert first.items == second.items
    assert second.mark == Mark(2, 4, 2)


def test_an_unknown_alias_is_refused() -> None:
    assert "no anchor &x" in refusal("a: *x\n")


def test_an_anchor_inside_itself_is_refused() -> None:
    assert "would contain itself" in refusal("a: &x [1, *x]\n")


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert f"at most {tree.MAX_NODES} parts" in refusal("\n".join(lines))


def test_deep_nesting_is_refused_also_by_way_of_aliases() -> None:
    assert "nested more than" in refusal("[" * 5000)
    chain = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, tree.MAX_DEPTH + 1)]
    assert "nested more than" in refusal("\n".join(chain))


def test_a_second_document_is_refused() -> None:
    assert refusal("a: 1\n---\nb: 2\n").startswith("x.yaml:2:1: one file holds one scenario")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n"])
def test_an_empty_file_is_no_mapping(text: str) -> None:
    try:
        assert isinstance(parse(text), Scalar)
    except ScenarioInvalid as error:
        assert "an empty file is no scenario" in str(error)  # noqa: PT017 - both are refused in the end


def test_broken_yaml_is_pointed_at() -> None:
    text = refusal("a: [1, 2\nb: 3\n")
    assert text.startswith("x.yaml:2:")
    assert "this is no YAML" in text


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("a: 1\nb 2\nc: 3\n", "2:1", 'a ":" is missing after "b 2"'),
        ("a:\n  - {b: 1}\n  - c\n    d: 2\n", "4:6", 'the line above lacks a ":" after "c"'),
        ("a: 1\nb:2\nc: 3\n", "2:1", 'a blank is missing after the ":"'),
        ("a: 1\n  b: 2\n", "2:4", "the line above has a value already; is the indentation right?"),
        ("a: b: c\n", "1:5", 'a text with ": " in it is put into quotes'),
        ("a:\n    b: 1\n  c: 2\n", "3:3", "does not go on with what is above it; is the indentation right?"),
        ("a:\n  - b: 1\n - c\n", "3:2", "does not go on with what is above it; is the indentation right?"),
        ("a:\n  - b: 1\n  c: 2\n", "3:3", 'and those of a list with "-"'),
        ("a:\n\tb: 1\n", "2:1", "here is a tab; indentation is made of blanks"),
        ('a: "b\nc: 1\n', "1:4", "this quote is never closed"),
        ("a: %b\n", "1:4", "a text that begins with % is put into quotes"),
        ("a: {b: 1}}\n", "1:10", 'here is a "}" too many'),
        ("a: {b: 1\nc: 2\n", "2:2", 'the "{" is in line 1'),
        ("a: {b: 1 c: 2}\n", "1:11", 'is a "," missing before it?'),
        ("a: [{b: 1]\n", "1:10", 'is a "}" missing before it?'),
        ("a {b: {c: 1}}\n", "1:13", 'a ":" is missing after "a", before the "{"'),
        ("a:\n  - b {c: 1, d: 2}\n", "2:15", 'a ":" is missing after "b", before the "{"'),
        ("  a: 1\nb: 2\n", "2:1", "does not go on with what is above it; is the indentation right?"),
        ('a: "b" c\n', "1:8", "a text with signs in it is put into quotes"),
    ],
)
def test_broken_yaml_is_told_with_the_likeliest_mistake_where_it_is(text: str, place: str, told: str) -> None:
    said = refusal(text)
    assert said.startswith(f"x.yaml:{place}: this is no YAML: ")
    assert told in said.splitlines()[0]


def test_a_character_yaml_forbids_is_pointed_at() -> None:
    assert refusal("a: 1\nb: \x07\n").startswith("x.yaml:2:4: this is no YAML: the character #x0007")


def test_the_caret_stands_below_the_culprit_also_behind_tabs_and_in_long_lines() -> None:
    shown = refusal("{'q\tq': 1, b: 1, b: 2}\n").splitlines()
    assert shown[1].index("b: 2") == shown[2].index("^")
    padding = "x" * 300
    shown = refusal(f"{{k: {padding}, a: 1, a: 2}}\n").splitlines()
    assert len(shown[1]) < 130
    assert shown[1].index("a: 2") == shown[2].index("^")


def test_what_is_no_utf_8_or_too_large_is_unreadable() -> None:
    with pytest.raises(ScenarioUnreadable, match="byte 3 is not"):
        tree.decode("x.yaml", b"abc\xff")
    with pytest.raises(ScenarioUnreadable, match="at most 256 KiB"):
        tree.decode("x.yaml", b" " * (tree.MAX_BYTES + 1))


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert tree.decode("x.yaml", b"\xef\xbb\xbfa: 1") == "a: 1"


@given(st.text(st.sampled_from("ab:-[]{}&*! \n\t'\"#?|>%@`,\x07\x85\u2028é"), max_size=60))
def test_no_text_does_more_than_being_refused(text: str) -> None:
    try:
        parse(text)
    except ScenarioInvalid as error:
        assert error.issues  # noqa: PT017 - either outcome is fine; what is raised must carry its issues
