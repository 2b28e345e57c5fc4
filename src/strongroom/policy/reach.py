"""Every way by which a request may be allowed, before anything is known of its circumstances.

`decide` answers one request; `reach` says for which requests the answer could be yes: the
statements and grants that together allow, the conditions they leave open, and the denials that
would still stand in the way.  What is settled (the caller's tags, the key's spec) is looked at now,
so a condition that can never hold ends a way, and one that always holds is not mentioned.

It holds, and `tests/policy/test_reach.py` shows it, that a request is allowed exactly if some way
holds in its circumstances and no obstacle does.

Source: as `decide`, whose `_combine` this follows branch by branch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from strongroom.policy.caller import OUTSIDE, Kind, Named
from strongroom.policy.conditions import Condition
from strongroom.policy.decide import Heard, Prepared
from strongroom.policy.grants import Grant
from strongroom.policy.variables import Context

Settled = Callable[[str], bool]
"""Whether a condition key's value is known now, or that it has none."""


@dataclass(frozen=True, slots=True)
class Step:
    """A statement that has a part in a way, and what of it is open."""

    heard: Heard
    conditions: tuple[Condition, ...]  # those that are open
    resource_open: bool  # its Resource has variables that are not settled
    _arn: str = field(repr=False)

    @property
    def certain(self) -> bool:
        return not self.conditions and not self.resource_open

    @property
    def open_keys(self) -> frozenset[str]:
        """The condition keys that are open, as they are written; of variables, in lower case."""
        keys = frozenset(each.written for each in self.conditions)
        resources = self.heard.statement.resources
        return keys | resources.keys if self.resource_open and resources is not None else keys

    def holds(self, context: Context) -> bool:
        return all(each.holds(context) for each in self.conditions) and (
            not self.resource_open or self.heard.statement.includes(self._arn, context)
        )


@dataclass(frozen=True, slots=True)
class Need:
    """Any one of these has to apply; if one surely does, it stands alone."""

    steps: tuple[Step, ...]

    def holds(self, context: Context) -> bool:
        return any(step.holds(context) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Way:
    """All the needs have to be met and, where there is a grant, its constraint."""

    named: Named  # how the resource's side means the caller
    needs: tuple[Need, ...]
    grant: Grant | None = None
    _action: str = field(repr=False, default="")

    def holds(self, context: Context) -> bool:
        return all(need.holds(context) for need in self.needs) and (
            self.grant is None or self.grant.holds(self._action, context)
        )

    @property
    def certain(self) -> bool:
        """Whether it holds in all circumstances."""
        return self.certain_but_for_grant and (self.grant is None or not self.grant.constrained)

    @property
    def certain_but_for_grant(self) -> bool:
        """Whether it holds in all circumstances in which its grant does."""
        return all(need.steps[0].certain for need in self.needs)


@dataclass(frozen=True, slots=True)
class Reach:
    ways: tuple[Way, ...]
    obstacles: tuple[Step, ...]  # denials that may apply
    barred: str = ""  # why there is no way at all, where one thing alone says so

    def holds(self, context: Context) -> bool:
        return any(way.holds(context) for way in self.ways) and not any(
            step.holds(context) for step in self.obstacles
        )


def reach(prepared: Prepared, settled: Settled, context: Context) -> Reach:
    """`context` has the values of what is settled."""
    return _Reaching(prepared, settled, context).reach()


def open_keys(prepared: Prepared, settled: Settled, context: Context) -> list[str]:
    """The condition keys that could still turn the decision, as they are written; none if what is
    settled decides.
    """
    found = reach(prepared, settled, context)
    ways = [
        way for way in found.ways if way.grant is None or way.grant.holds(prepared.action, context)
    ]
    if not ways or (any(way.certain_but_for_grant for way in ways) and not found.obstacles):
        return []
    steps = [step for way in ways for need in way.needs for step in need.steps]
    return sorted({key for step in (*steps, *found.obstacles) for key in step.open_keys})


class _Reaching:
    def __init__(self, prepared: Prepared, settled: Settled, context: Context) -> None:
        self._prepared = prepared
        self._arn = prepared.question.resource
        self._settled = settled
        self._context = context

    def reach(self) -> Reach:
        asked = self._prepared
        obstacles = self._steps(asked.denies)
        for step in obstacles:
            if step.certain:
                return Reach((), (), _denied(step.heard))
        if asked.refused:
            return Reach((), (), asked.refused)
        around: list[Need] = []
        for level in asked.scps:
            if not self._add(around, level):
                return Reach(
                    (), (), "a level of its service control policies allows nothing of this"
                )
        if asked.endpoint is not None and not self._add(around, asked.endpoint):
            return Reach((), (), "the VPC endpoint's policy does not allow it")
        ways = [
            Way(way.named, (*way.needs, *around), way.grant, asked.action) for way in self._ways()
        ]
        return Reach(tuple(ways), tuple(obstacles))

    def _ways(self) -> Iterable[Way]:
        asked = self._prepared
        caller = asked.question.caller
        by_name = {
            named: [heard for heard in asked.resource if heard.named is named] for named in Named
        }
        if caller.kind in OUTSIDE:
            yield from self._way(Named.ALONE, by_name[Named.ALONE])
            for grant, named in asked.grants:
                yield Way(named, (), grant)
            return
        root = caller.kind is Kind.ROOT
        limits = [asked.session, *([] if root else [asked.boundaries])]
        own = limits if root else [*limits, asked.identity]
        if asked.question.same_account:
            yield from self._way(Named.ALONE, by_name[Named.ALONE])
            yield from self._way(Named.LIMITED, by_name[Named.LIMITED], *limits)
            if asked.strict:  # what is named more narrowly needs less, and has been told
                yield from self._way(Named.ACCOUNT, by_name[Named.ACCOUNT], *own)
            else:
                yield from self._way(Named.NOT, None, *own)
        else:
            for named in (Named.ALONE, Named.LIMITED, Named.ACCOUNT):
                yield from self._way(named, by_name[named], *own)
        for grant, named in asked.grants:
            needed = {Named.ALONE: [], Named.LIMITED: limits, Named.ACCOUNT: own}[named]
            for way in self._way(named, None, *needed):
                yield Way(named, way.needs, grant)

    def _way(self, named: Named, *layers: list[Heard] | None) -> Iterable[Way]:
        """The way that needs a statement of each layer; none if a layer has none to give."""
        needs: list[Need] = []
        if all(self._add(needs, layer) for layer in layers if layer is not None):
            yield Way(named, tuple(needs))

    def _add(self, needs: list[Need], layer: Iterable[Heard]) -> bool:
        steps = self._steps(layer)
        certain = [step for step in steps if step.certain]
        if steps:
            needs.append(Need(tuple(certain[:1] or steps)))
        return bool(steps)

    def _steps(self, layer: Iterable[Heard]) -> list[Step]:
        return [step for heard in layer if (step := self._step(heard)) is not None]

    def _step(self, heard: Heard) -> Step | None:
        """None if it is settled that the statement does not apply."""
        statement = heard.statement
        open_: list[Condition] = []
        for condition in statement.conditions:
            if not condition.broken and not all(map(self._settled, condition.keys)):
                open_.append(condition)
            elif not condition.holds(self._context):
                return None
        resource_open = False
        if statement.depends_for_resource and statement.resources is not None:
            resource_open = not all(map(self._settled, statement.resources.keys))
            if not resource_open and not statement.includes(self._arn, self._context):
                return None
        return Step(heard, tuple(open_), resource_open, self._arn)


def _denied(heard: Heard) -> str:
    statement = heard.statement
    name = statement.sid or f"statement {statement.index + 1}"
    return f"denied by {heard.policy.name} ({name}, line {statement.span.start.line})"
