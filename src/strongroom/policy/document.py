"""A JSON text as a tree that knows where everything stands, so that errors and explanations can say.

Strict where JSON is: no element twice in an object, no NaN, no comments, nothing after the end.
Bounded: nesting to 32 levels; whoever hands in a text bounds its length.

Source: RFC 8259; RFC 7493 (I-JSON), 2.3, for names that must be unique.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

MOST_DEEP = 32
_MOST_DIGITS = 64  # characters of a number

Scalar = str | int | float | bool | None

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
_WORD = re.compile("true|false|null")


class Place(NamedTuple):
    """Where something begins; both count from 1."""

    line: int
    column: int


class Malformed(Exception):
    """The text is not JSON of the strict kind."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(f"line {place.line}, column {place.column}: {reason}")
        self.reason = reason
        self.place = place


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value and where it stands: text[start:end].

    An object is a dict of its members' names to nodes, an array a list of nodes.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    text: str  # of a number, as it is written; of anything else nothing
    start: int
    end: int

    @property
    def items(self) -> "list[Node]":
        """The nodes of an array; of anything else, itself alone: policies let a list of one go bare."""
        return self.value if isinstance(self.value, list) else [self]

    @property
    def plain(self) -> object:
        """The value as `json.loads` would give it."""
        match self.value:
            case dict():
                return {name: node.plain for name, node in self.value.items()}
            case list():
                return [node.plain for node in self.value]
        return self.value


class Lines:
    """From offsets to places, within one text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)


def parse(text: str) -> Node:
    """The tree of a text; Malformed if it is not JSON, names an element twice or is too deep."""
    reader = _Reader(text)
    at = reader.space(0)
    node = reader.value(at, 1)
    end = reader.space(node.end)
    if end != len(text):
        reader.fail("there is something behind the end of the document", end)
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0  # where the last member or the whole of an object or array ended

    def space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return at if match is None else match.end()

    def fail(self, reason: str, at: int) -> NoReturn:
        raise Malformed(reason, Lines(self._text).place(at)) from None

    def value(self, at: int, depth: int) -> Node:
        if depth > MOST_DEEP:
            self.fail(f"the document is nested deeper than {MOST_DEEP} levels", at)
        match self._text[at : at + 1]:
            case "{":
                return self._object(at, depth)
            case "[":
                return self._array(at, depth)
            case '"':
                return self._string(at)
            case "":
                self.fail("the document ends too early", at)
        if word := _WORD.match(self._text, at):
            return Node(_WORDS[word[0]], "", at, word.end())
        number = _NUMBER.match(self._text, at)
        if number is None:
            self.fail("a value is missing here", at)
        digits = number[0]
        if len(digits) > _MOST_DIGITS:
            self.fail("the number is too long", at)
        return Node(json.loads(digits), digits, at, number.end())

    def _string(self, at: int) -> Node:
        match = _STRING.match(self._text, at)
        if match is None:
            self.fail("the string does not end, or has a character that it must escape", at)
        text: str = json.loads(match[0])
        if any("\ud800" <= char <= "\udfff" for char in text):
            self.fail("the string has half a character", at)
        return Node(text, "", at, match.end())

    def _array(self, at: int, depth: int) -> Node:
        items = []
        for start in self._members(at, "]"):
            node = self.value(start, depth + 1)
            items.append(node)
            self._at = node.end
        return Node(items, "", at, self._at)

    def _object(self, at: int, depth: int) -> Node:
        members: dict[str, Node] = {}
        for start in self._members(at, "}"):
            if self._text[start : start + 1] != '"':
                self.fail("the name of an element is missing here", start)
            name = self._string(start)
            colon = self.space(name.end)
            if self._text[colon : colon + 1] != ":":
                self.fail("a colon is missing here", colon)
            node = self.value(self.space(colon + 1), depth + 1)
            key = str(name.value)
            if key in members:
                self.fail(f"the element `{key}` is there twice", start)
            members[key] = node
            self._at = node.end
        return Node(members, "", at, self._at)

    def _members(self, at: int, closing: str) -> Iterator[int]:
        """Where each member begins; `_at` is where the one before ended, and at last the end."""
        start = self.space(at + 1)
        if self._text[start : start + 1] == closing:
            self._at = start + 1
            return
        while True:
            yield start
            end = self.space(self._at)
            match self._text[end : end + 1]:
                case ",":
                    start = self.space(end + 1)
                case found if found == closing:
                    self._at = end + 1
                    return
                case _:
                    self.fail(f"a comma or `{closing}` is missing here", end)
