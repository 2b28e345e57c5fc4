"""An explanation (`policy.told`) as a tree that a person reads from the top and may stop anywhere."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from strongroom.cli import trees
from strongroom.cli.terminal import clean
from strongroom.cli.trees import Tree, no, quiet, strong, yes

_MOST_ASSUMERS = 20  # of a role, told to a person
_MOST_CHANGES = 12  # likewise
_SAYS = {
    "Allow": yes("allows"),
    "ImplicitDeny": "does not allow",
    "ExplicitDeny": no("denies"),
}


def show(told: Mapping[str, Any]) -> None:
    """What would be decided on a request."""
    trees.show(_explained(clean(told)))


def show_request(told: Mapping[str, Any]) -> None:
    """What was decided on a past request, and what would be now."""
    told = clean(told)
    record = told["record"]
    root = Tree(f"request {strong(record['requestID'])}, {record['eventTime']}")
    root.add(
        f"{record['eventSource']} {record['eventName']} by {record['principal'] or 'nobody known'}"
    )
    error = record.get("errorCode")
    root.add(yes("it succeeded") if error is None else no(f"{error}: {record['errorMessage']}"))
    if "session" in told:
        _brought(root, told["session"])
    if "supposed" in told:
        root.add(f"it is supposed that {told['supposed']}")
    if "then" in told:
        root.below.append(_explained(told["then"]))
    for name in told.get("changed", ()):
        root.add(f"{name} is another now, or gone")
    if "unknown" in told:
        root.add(f"what would be decided now is not known: {told['unknown']}")
    _since(root, told.get("since"))
    for now in told.get("now", ()):
        if "then" in told:
            verdict = yes("allowed") if now["decision"] == "Allow" else no("denied")
            root.add(f"now it would be {verdict}")
        else:
            root.below.append(_explained(now))
    if "then" not in told and not told.get("now") and "unknown" not in told:
        root.add("the record does not tell what its decision was about")
    trees.show(root)


def _brought(root: Tree, session: Mapping[str, Any]) -> None:
    branch = root.add(
        f"in a session of {session['eventName']} {session['requestID']}, {session['eventTime']}"
    )
    for name, value in session["tags"].items():
        branch.add(f"with the tag `{name}`=`{value}`")
    for what in ("policy", "policyArns"):
        if what in session:
            branch.add(f"with the session {what} {session[what]}")


def _since(root: Tree, changes: Sequence[Mapping[str, Any]] | None) -> None:
    """What a decision with the policies of now says of a request of then."""
    if changes is None:
        return
    if not changes:
        root.add("nothing that has a say on it was changed since; it was decided so:")
        return
    branch = root.add("as it would be decided with the policies of now, which are others since:")
    for change in changes[-_MOST_CHANGES:]:
        branch.add(
            f"{change['eventTime']} {change['eventName']} by {change['principal']}, "
            f"request {change['requestID']}"
        )
    if len(changes) > _MOST_CHANGES:
        branch.add(quiet(f"and {len(changes) - _MOST_CHANGES} before; --json has them all"))


def show_reach(told: Mapping[str, Any]) -> None:
    """Who may do something with a key."""
    told = clean(told)
    principals = told["principals"]
    root = Tree(f"{strong(told['action'])} on {told['key']}")
    for entry in principals:
        _principal(root, entry)
    if not principals:
        root.add("nobody")
    trees.show(root)
    for role in told.get("roles", ()):
        _assumed(role)


def _assumed(role: Mapping[str, Any]) -> None:
    root = Tree(f"{strong(role['role'])} may be assumed by")
    by = role["assumedBy"]
    for entry in by[:_MOST_ASSUMERS]:
        _principal(root, entry)
    if len(by) > _MOST_ASSUMERS:
        root.add(quiet(f"and {len(by) - _MOST_ASSUMERS} more; --json has them all"))
    if not by:
        root.add("nobody")
    trees.show(root)


def _principal(root: Tree, entry: Mapping[str, Any]) -> None:
    branch = root.add(f"{strong(entry['principal'])} ({entry['what']})")
    for way in entry["ways"]:
        _way(branch, way)
    for step in entry.get("unless", ()):
        leaf = branch.add(f"{no('unless')} {_place(step)} denies it")
        _open(leaf, step)


def _way(branch: Tree, way: Mapping[str, Any]) -> None:
    told = [f"grant {way['grant']}"] if "grant" in way else []
    needs = [need for need in way["needs"] if need["layer"] in _TOLD or _is_open(need)]
    told += [" or ".join(_place(step) for step in need["anyOf"]) for need in needs]
    leaf = branch.add(f"{yes('by')} {' and '.join(told) or 'being who it is'}")
    for need in needs:
        for step in need["anyOf"]:
            _open(leaf, step)
    for member, wants in (
        ("encryptionContextEquals", "if the encryption context is exactly"),
        ("encryptionContextSubset", "if the encryption context has"),
    ):
        if member in way:
            pairs = ", ".join(f"`{name}`=`{value}`" for name, value in way[member].items())
            leaf.add(f"{wants} {pairs or 'empty'}")
    if "sourceArn" in way:
        leaf.add(f"if an AWS service asks, on behalf of `{way['sourceArn']}`")


_TOLD = ("resource-based policy", "identity-based policy")


def _is_open(need: Mapping[str, Any]) -> bool:
    return any("conditions" in step or "resourceHasVariables" in step for step in need["anyOf"])


def _open(leaf: Tree, step: Mapping[str, Any]) -> None:
    for condition in step.get("conditions", ()):
        wanted = _listed(condition["wanted"])
        leaf.add(f"if {condition['operator']}: {condition['key']} is {wanted}")
    if "resourceHasVariables" in step:
        leaf.add("if the variables in its Resource come to this key")


def _explained(told: Mapping[str, Any]) -> Tree:
    allowed = told["decision"] == "Allow"
    verdict = yes("ALLOWED") if allowed else no("DENIED")
    root = Tree(f"{verdict}  {strong(told['action'])}")
    root.add(f"by {told['principal']}")
    root.add(f"on {told['resource']}")
    root.add(_decided(told))
    for layer in told.get("layers", ()):
        _layer(root, layer)
    _grants(root, told)
    if told.get("shortened"):
        root.add(quiet("its statements were too long for the audit log and are left out"))
    remedies = told.get("remedies", ())
    if remedies:
        change = root.add(strong("what would have to change"))
        for remedy in remedies:
            change.add(remedy)
    return root


def _decided(told: Mapping[str, Any]) -> str:
    by = told.get("decidedBy", {})
    layer = by.get("layer", "")
    if "grant" in by:
        return f"decided by {strong('grant ' + by['grant'])}"
    if "policy" in by:
        return f"decided by {strong(_place(by))}, of the {layer}"
    if "note" in told:
        return f"decided: {strong(told['note'])}"
    if told["decision"] == "Allow":
        return f"decided: {strong('the root user of an account needs no policy of its own')}"
    if not layer:
        return "decided: nothing allows it"
    return f"decided by the {strong(layer)}: nothing in it allows this"


def _layer(root: Tree, layer: Mapping[str, Any]) -> None:
    level = f", {layer['level']}" if "level" in layer else ""
    branch = root.add(f"{strong(layer['layer'])}{level} {_SAYS[layer['says']]}")
    for statement in layer.get("statements", ()):
        _statement(branch, statement)
    others = layer.get("others", 0)
    if others:
        what = "statement is" if others == 1 else "statements are"
        branch.add(quiet(f"{others} {what} about other principals or actions"))


def _statement(branch: Tree, statement: Mapping[str, Any]) -> None:
    effect, applies = statement["effect"], statement["applies"]
    mark = quiet("·") if not applies else yes("✓") if effect == "Allow" else no("✗")
    names = f" to {statement['names']}" if "names" in statement else ""
    why = "" if applies else f"; not here: {statement['why']}"
    leaf = branch.add(f"{mark} {_place(statement)}: {effect}{names}{why}")
    for condition in statement.get("conditions", ()):
        seen = condition.get("seen")
        found = "the request has none" if seen is None else f"it is {_listed(seen)}"
        holds = yes("✓") if condition["holds"] else no("✗")
        leaf.add(
            f"{holds} {condition['operator']}: {condition['key']} wants "
            f"{_listed(condition['wanted'])}; {found}"
        )


def _grants(root: Tree, told: Mapping[str, Any]) -> None:
    grants = told.get("grants", ())
    if not grants:
        return
    applies = any(grant["applies"] for grant in grants)
    branch = root.add(f"{strong('grants')} {_SAYS['Allow' if applies else 'ImplicitDeny']}")
    for grant in grants:
        mark = yes("✓") if grant["applies"] else quiet("·")
        why = f"; not here: {grant['why']}" if "why" in grant else ""
        branch.add(f"{mark} {grant['grant']} to {grant['grantee']}{why}")
    if told.get("otherGrants"):
        branch.add(quiet(f"and {told['otherGrants']} more"))


def _place(by: Mapping[str, Any]) -> str:
    sid = f" `{by['sid']}`" if "sid" in by else ""
    return f"{by['policy']}, statement {by['statement']}{sid} (line {by['line']}, column {by['column']})"


def _listed(values: str | Iterable[str]) -> str:
    if isinstance(values, str):
        return f"`{values}`"
    return " or ".join(f"`{value}`" for value in values) or "nothing"
