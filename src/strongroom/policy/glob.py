"""Wildcards: `*` is any run of characters and `?` any one, matched in time linear in the subject.

Policies are written by tenants and subjects are named by callers, so a backtracking matcher would
hand both of them a way to stall the server.  Plain shapes, which make up nearly every real
policy, are left to `str`; the rest runs on a bit-parallel automaton, whose steps are counted
(`effort`).

Three readings of a pattern:

* `like`: the whole string is one piece; a wildcard may be any character, line breaks too.
* `resource`: an ARN pattern.  Up to the fifth colon a wildcard stays within its part, except that
  a `*` that ends a part may run on past the colons.  Behind it wildcards cross colons.
* `arn_like`: six parts compared one by one; a wildcard never leaves the first five.

A pattern is a sequence of tokens, so that text put in for a variable is never a wildcard.

Source: IAM User Guide, "IAM JSON policy elements: Resource" and "condition operators".
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from strongroom.policy import effort

Matcher = Callable[[str], bool]


class Wild(Enum):
    ANY = "*"
    ONE = "?"


Token = str | Wild
Pattern = tuple[Token, ...]

_SPLIT = re.compile(r"([*?])")
_PARTS = 6  # of an ARN
_POSITIONS = 4096  # of a pattern, that take twice the time of one


def tokens(text: str) -> Pattern:
    """A pattern without variables: literal runs and wildcards."""
    return tuple(Wild(each) if each in "*?" else each for each in _SPLIT.split(text) if each)


def everything(pattern: Pattern) -> bool:
    """Whether a pattern is `*` alone."""
    return pattern == (Wild.ANY,)


def like(pattern: Pattern) -> Matcher:
    """A predicate over whole strings."""
    match pattern:
        case ():
            return lambda subject: not subject
        case (str(text),):
            return lambda subject: subject == text
        case (Wild.ANY,):
            return lambda _: True
        case (str(head), Wild.ANY):
            return lambda subject: subject.startswith(head)
        case (Wild.ANY, str(tail)):
            return lambda subject: subject.endswith(tail)
    return _pieces(pattern) if Wild.ONE not in pattern else _Automaton(pattern, arn=False).matches


def resource(pattern: Pattern) -> Matcher:
    """A predicate over ARNs, or over `*`, which stands for no resource in particular."""
    match pattern:
        case (Wild.ANY,):
            return lambda _: True
        case (str(text),):
            return lambda subject: subject == text
    if _is_free(pattern):
        return _pieces(pattern)
    return _Automaton(pattern, arn=True).matches


def tells_apart(pattern: Pattern, stem: str) -> bool:
    """Whether `resource` may be true of one ARN that begins with `stem` and not of another; in doubt it may.

    It takes no steps, so it makes nothing undecidable.
    """
    head = pattern[0] if pattern and isinstance(pattern[0], str) else ""
    if not head.startswith(stem) and not stem.startswith(head):
        return False  # it is true of none
    # A star at the end that takes the end of the stem takes whatever may follow.
    return not (
        pattern and pattern[-1] is Wild.ANY and _is_free(pattern) and _pieces(pattern)(stem)
    )


def _is_free(pattern: Pattern) -> bool:
    """Whether no wildcard of an ARN pattern is held by its part."""
    colons = 0
    for at, token in enumerate(pattern):
        if isinstance(token, str):
            colons += token.count(":")
        elif colons < _PARTS - 1 and (token is Wild.ONE or not _ends_part(pattern, at)):
            return False
    return Wild.ONE not in pattern


def _ends_part(pattern: Sequence[Token], at: int) -> bool:
    following = pattern[at + 1] if at + 1 < len(pattern) else ":"
    return isinstance(following, str) and following.startswith(":")


def _pieces(pattern: Pattern) -> Matcher:
    """For patterns whose only wildcards are stars that may be anything: the text between them must
    come in its order, each piece as early as it can.
    """
    head = pattern[0] if isinstance(pattern[0], str) else ""
    tail = pattern[-1] if isinstance(pattern[-1], str) else ""
    inner = pattern[bool(head) : len(pattern) - bool(tail)]
    middle = tuple(token for token in inner if isinstance(token, str))
    least = len(head) + len(tail)

    def matches(subject: str) -> bool:
        end = len(subject) - len(tail)
        if end < len(head) or not subject.startswith(head) or not subject.endswith(tail):
            return False
        at = len(head)
        for piece in middle:
            at = subject.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    if not middle:
        return lambda subject: (
            len(subject) >= least and subject.startswith(head) and subject.endswith(tail)
        )
    return matches


def arn_like(pattern: Pattern) -> Matcher:
    """A predicate over ARNs for ArnLike and ArnEquals; a lone `*` takes any text."""
    if everything(pattern):
        return lambda _: True
    parts = [like(part) for part in _split(pattern)]
    if len(parts) != _PARTS:
        return lambda _: False

    def matches(subject: str) -> bool:
        given = subject.split(":", _PARTS - 1)
        return len(given) == _PARTS and all(
            part(text) for part, text in zip(parts, given, strict=True)
        )

    return matches


def _split(pattern: Pattern) -> list[Pattern]:
    """A pattern at its first five colons."""
    parts: list[list[Token]] = [[]]
    for token in pattern:
        if isinstance(token, Wild):
            parts[-1].append(token)
            continue
        pieces = token.split(":", _PARTS - len(parts))
        for at, piece in enumerate(pieces):
            if at:
                parts.append([])
            if piece:
                parts[-1].append(piece)
    return [tuple(part) for part in parts]


class _Automaton:
    """Bit i of `live` means: the first i characters of the pattern, stars aside, are matched.

    A star adds no position of its own; it lets the position that it stands at wait.
    """

    def __init__(self, pattern: Pattern, *, arn: bool) -> None:
        self._pattern = pattern
        self._arn = arn
        wild = pattern.count(Wild.ONE)
        self._least = wild + sum(len(token) for token in pattern if isinstance(token, str))
        self._step = 1 + self._least // _POSITIONS

    @cached_property
    def _moves(self) -> "_Moves":
        # Made when first needed: most patterns of most policies meet only what is too short.
        return _moves(self._pattern, arn=self._arn)

    def matches(self, subject: str) -> bool:
        """Undecidable if that would take too many steps."""
        if len(subject) < self._least:
            return False
        effort.spend((len(subject) + self._least + 1) * self._step)  # `_moves` included
        literal, one_inside, waits_inside, one_colon, waits_colon, accepted = self._moves
        known = literal.get
        live = 1
        for char in subject:
            if char == ":":
                live = (live & (known(char, 0) | one_colon)) << 1 | (live & waits_colon)
            else:
                live = (live & (known(char, 0) | one_inside)) << 1 | (live & waits_inside)
            if not live:
                return False
        return bool(live & accepted)


class _Moves(NamedTuple):
    """Sets of positions, as bits: where a character, any character, and any run of them may come."""

    literal: dict[str, int]
    one_inside: int
    waits_inside: int
    one_colon: int
    waits_colon: int
    accepted: int


def _moves(pattern: Sequence[Token], *, arn: bool) -> _Moves:
    literal: dict[str, int] = {}
    one_inside = one_across = waits_inside = waits_across = 0
    here = 1
    colons = 0
    for at, token in enumerate(pattern):
        free = not arn or colons >= _PARTS - 1
        if token is Wild.ONE:
            if free:
                one_across |= here
            else:
                one_inside |= here
            here <<= 1
        elif token is Wild.ANY:
            if free or _ends_part(pattern, at):
                waits_across |= here
            else:
                waits_inside |= here
        else:
            for char in token:
                literal[char] = literal.get(char, 0) | here
                here <<= 1
                colons += char == ":"
    one_inside |= one_across
    waits_inside |= waits_across
    # Outside ARNs a colon is a character like any other.
    one_colon, waits_colon = (one_across, waits_across) if arn else (one_inside, waits_inside)
    return _Moves(literal, one_inside, waits_inside, one_colon, waits_colon, here)
