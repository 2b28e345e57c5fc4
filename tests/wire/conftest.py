"""What the wire's tests share: shapes made on the spot, botocore's side, documents to try."""

import importlib.util
import sys
import types
from functools import cache
from pathlib import Path

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import strategies as st

from strongroom.wire.model import Kind, item_of, members, struct_of

ROOT = Path(__file__).parents[2]


@cache
def generator():
    """scripts/shapes.py as a module."""
    spec = importlib.util.spec_from_file_location("shapes_script", ROOT / "scripts" / "shapes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def made(service):
    """The shapes of any service that botocore knows, as if they were committed."""
    module = types.ModuleType("shapes_of_" + service.replace("-", "_"))
    sys.modules[module.__name__] = module
    exec(compile(generator().render(service), service, "exec"), module.__dict__)
    return module


@cache
def botocore_model(service):
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def valid(node):
    """Values that the model takes, blobs as bytes."""
    least, most = node.least or 0, node.most
    match node.kind:
        case Kind.STRING if node.matcher is not None:
            return _matching(node.matcher, least, most)
        case Kind.STRING:
            few = least + 8 if most is None else min(most, least + 8)
            return st.text(st.characters(codec="utf-8"), min_size=least, max_size=few)
        case Kind.ENUM:
            return st.sampled_from(node.values)
        case Kind.BLOB:
            return st.binary(min_size=least, max_size=least + 40)
        case Kind.INTEGER | Kind.LONG:
            return st.integers(
                -(2**31) if node.least is None else node.least,
                2**31 - 1 if node.most is None else node.most,
            )
        case Kind.FLOAT:
            return st.floats(allow_nan=False, allow_infinity=False)
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.TIMESTAMP:
            return st.integers(0, 4_000_000_000).map(float)
        case Kind.LIST:
            few = least + 2 if most is None else min(most, least + 2)
            return st.lists(valid(item_of(node)), min_size=least, max_size=few)
        case Kind.MAP:
            return st.dictionaries(
                valid(node.key), valid(item_of(node)), min_size=max(least, 1), max_size=least + 2
            )
        case Kind.STRUCTURE:
            return documents(struct_of(node))


@cache
def documents(struct, member=valid):
    """Requests or answers as plain values, with `member` making those of the members."""
    required = {each.name: member(each.node) for each in members(struct) if each.required}
    optional = {each.name: member(each.node) for each in members(struct) if not each.required}
    return st.fixed_dictionaries(required, optional=optional)


def _matching(matcher, least, most):
    """Text of a pattern: from its alphabet if that is all it says, which is quicker."""
    alphabet = [char for char in map(chr, range(0x180)) if matcher.search(char * max(least, 1))]
    if alphabet:
        few = least + 8 if most is None else min(most, least + 8)
        text = st.text(st.sampled_from(alphabet), min_size=max(least, 1), max_size=few)
        return text.filter(matcher.search)
    text = st.from_regex(matcher).filter(_speakable)
    return text.filter(lambda value: least <= len(value) <= (most or len(value)))


def _speakable(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture(scope="session")
def wire():
    """The functions above, for tests that cannot import this file."""
    return types.SimpleNamespace(
        botocore_model=botocore_model,
        documents=documents,
        generator=generator(),
        made=made,
        root=ROOT,
        valid=valid,
    )
