"""The condition keys that a document looks at: those of its conditions, and of its variables.

They are told as they are written.  Keys ignore case, so each is told once, in the first spelling.

Source: IAM User Guide, "IAM JSON policy elements: Condition", "Variables and tags"; IAM API
Reference, GetContextKeysForCustomPolicy.
"""

from collections.abc import Iterable, Iterator

from strongroom.policy import conditions, resources, variables
from strongroom.policy.document import Node, parse
from strongroom.policy.operators import OPERATORS


def of_documents(texts: Iterable[str]) -> dict[str, str]:
    """The keys of well-formed documents, in lower case, to how they are written; in their order."""
    found: dict[str, str] = {}
    for text in texts:
        for name in _of_document(text):
            found.setdefault(name.lower(), name)
    return found


def _of_document(text: str) -> Iterator[str]:
    root = parse(text).value
    if isinstance(root, dict):
        version = root.get("Version")
        filled = version is not None and version.value == "2012-10-17"
        for statement in root["Statement"].items:
            yield from _of_statement(statement, filled=filled)


def _of_statement(statement: Node, *, filled: bool) -> Iterator[str]:
    members = statement.value
    if not isinstance(members, dict):
        return
    for name, node in members.items():
        if name in ("Resource", "NotResource") and filled:
            for text in _texts(node):
                if resources.may_have_variables(text):
                    yield from variables.keys(text)
        elif name == "Condition" and isinstance(node.value, dict):
            for operator, block in node.value.items():
                yield from _of_block(operator, block, filled=filled)


def _of_block(operator: str, block: Node, *, filled: bool) -> Iterator[str]:
    if not isinstance(block.value, dict):
        return
    form = conditions.form(operator)
    patterned = (
        form is not None and form.base in OPERATORS and OPERATORS[form.base].pattern is not None
    )
    for key, values in block.value.items():
        yield key
        if filled and patterned:
            for text in _texts(values):
                yield from variables.keys(text)


def _texts(node: Node) -> list[str]:
    return [item.value for item in node.items if isinstance(item.value, str)]
