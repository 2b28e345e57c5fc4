"""No secret is compared with `==`, which stops at the first byte that differs and so tells where.

The lint reads the whole source tree: a comparison in which a name like `signature` or `mac` takes
part must be `hmac.compare_digest`.  Comparing with a literal, None, a length or a type is no leak.
"""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "strongroom"
SECRET = re.compile(
    r"(^|_)(signature|hmac|mac|tag_bytes|secret|secret_key|password|passphrase|session_token"
    r"|security_token|plaintext_key|material|wrapping_key|root_key)(_bytes|_hex)?$"
)


def name_of(node):
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value, slice=slice_):
            return (
                slice_.value if isinstance(getattr(slice_, "value", None), str) else name_of(value)
            )
        case ast.Call(func=func):
            # `signature(...)` and `x.mac.hex()` are as secret as what they are made of.
            inner = func.value if isinstance(func, ast.Attribute) else func
            return name_of(func) if SECRET.search(name_of(func) or "") else name_of(inner)
    return None


def harmless(node):
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"
    )


def leaks(tree):
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        if not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            continue
        if any(harmless(side) for side in sides):
            continue
        if any(SECRET.search(name_of(side) or "") for side in sides):
            yield node.lineno


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_secrets_are_compared_in_constant_time(path):
    found = list(leaks(ast.parse(path.read_text())))
    assert not found, f"{path}: use hmac.compare_digest on line {found}"


@pytest.mark.parametrize(
    "line",
    [
        "signature == x",
        "a != self.mac",
        "key.secret == other",
        "x == row['mac']",
        "x.mac.hex() == y",
        "y == signature(z)",
        "given == expected_signature",
        "a == b != session_token",
    ],
)
def test_the_lint_sees(line):
    assert list(leaks(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "len(signature) == 64",
        "mac == None",
        "name == b'Signature'",
        "machine == x",
        "tag.Key == y",
        "secret is other",
        "signature_is_last == x",
        "compare_digest(mac, x)",
    ],
)
def test_the_lint_lets_pass(line):
    assert not list(leaks(ast.parse(line)))
