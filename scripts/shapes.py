#!/usr/bin/env python3
"""Write src/strongroom/wire/shapes/<service>.py from the installed botocore's service models.

    scripts/shapes.py            every service of SERVICES
    scripts/shapes.py kms        that one

What is written is committed; tests/wire/test_shapes.py renders it again and compares, so a newer
botocore shows what it changes.  Where a model is wrong for the serving side, the correction and
its reason stand in src/strongroom/wire/overlays/<service>.json; a correction that changes nothing
any more is an error.

Rules:
* A structure that a request can reach is written with the model's constraints.  One that only
  answers can reach is written without: nobody checks what we say ourselves.
* Patterns are Java's there and Python's here: `matching` translates, and refuses what it cannot.
* Names that begin with an underscore are the file's own; everything else is its public face.
"""

import json
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

SERVICES = ("iam", "kms", "organizations", "sts")

_WIRE = Path(__file__).resolve().parent.parent / "src" / "strongroom" / "wire"

Model = dict[str, Any]  # the JSON of a service-2.json, and any object in it

_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)

# \w in Unicode mode is exactly L, N and the underscore; Z has few members and is spelled out.
_JAVA_WORDS = r"\p{L}\p{Z}\p{N}_"
_PYTHON_WORDS = r"\w \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


def matching(pattern: str) -> str:
    r"""`pattern` so that Python's `search` finds what Java's `matches` matches.

    Java matches the whole string and its `\w`, `\d`, `\s` are ASCII; Python searches, its
    classes are Unicode and its `$` is content before a last newline.
    """
    words = pattern.replace(_JAVA_WORDS, _PYTHON_WORDS)
    ours = rf"\A(?:{words})\Z" if words != pattern else rf"\A(?a:{words})\Z"
    understood = not any(javas in words for javas in (r"\p{", r"\uD8", "&&"))
    try:
        if understood:
            re.compile(ours)
    except re.error:
        understood = False
    if not understood:
        raise SystemExit(f"cannot translate the pattern `{pattern}`; teach `matching` how")
    return ours


class Service:
    """A model with its corrections applied, and what its operations reach."""

    def __init__(self, name: str) -> None:
        model: Model = Loader().load_service_model(name, "service-2")
        self.name = name
        self.metadata: Model = model["metadata"]
        self.operations: Model = dict(sorted(model["operations"].items()))
        self.shapes: Model = model["shapes"]
        self._correct()
        self.asked = set(self._reach("input"))

    def _correct(self) -> None:
        overlay = _WIRE / "overlays" / f"{self.name}.json"
        if not overlay.exists():
            return
        for correction in json.loads(overlay.read_text())["corrections"]:
            shape: Model = self.shapes[correction["shape"]]
            before = json.dumps(shape, sort_keys=True)
            shape.update(correction.get("set", {}))
            for value in correction.get("without", ()):
                shape["enum"] = [each for each in shape["enum"] if each != value]
            if before == json.dumps(shape, sort_keys=True):
                raise SystemExit(
                    f"overlays/{self.name}.json corrects `{correction['shape']}` to what it is: "
                    "remove the correction"
                )

    def _reach(self, side: str) -> Iterator[str]:
        for operation in self.operations.values():
            if side in operation:
                yield from self.parts(operation[side]["shape"], ())

    def refs(self, shape: Model) -> list[Model]:
        """What the parts of `shape` say of themselves."""
        item = [shape[part] for part in ("member", "key", "value") if part in shape]
        return [*item, *shape.get("members", {}).values()]

    def parts(self, name: str, within: tuple[str, ...]) -> Iterator[str]:
        """The shapes that `name` is made of, each before what needs it, `name` last."""
        if name in within:
            raise SystemExit(f"`{name}` contains itself, which structs here do not")
        for ref in self.refs(self.shapes[name]):
            if "locationName" in ref:
                raise SystemExit(f"`{name}` renames a member, which nothing here reads")
            yield from self.parts(ref["shape"], (*within, name))
        yield name


class Writer:
    """The text of one module."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._written: set[str] = set()
        self._members = {
            ref["shape"] for shape in service.shapes.values() for ref in service.refs(shape)
        }

    def text(self) -> str:
        body: list[str] = []
        for operation in self.service.operations.values():
            for side in ("input", "output"):
                if side in operation:
                    for name in self.service.parts(operation[side]["shape"], ()):
                        body += self._define(name)
        body.append(self._operations())
        return self._header("\n".join(body)) + "\n".join(body) + "\n"

    def _header(self, body: str) -> str:
        """The module's docstring, its imports of what `body` uses, and `SERVICE`."""
        about = self.service.metadata
        typing = [name for name in ("Annotated", "Literal") if f"{name}[" in body]
        # Underscores, for a member may be called Timestamp too.
        marks = [name for name in ("Sensitive", "Timestamp") if f"_{name}" in body]
        lines = [f"from typing import {', '.join(typing)}\n"] if typing else []
        lines += ["from msgspec import Meta\n"] if "Meta(" in body else []
        lines += [
            f"from strongroom.wire.shape import {name}"
            for name in ("Nothing", "OperationShapes", "Service", "Shape")
            if name != "Nothing" or "(Nothing" in body
        ]
        lines += [f"from strongroom.wire.shape import {name} as _{name}" for name in marks]
        imports = "\n".join(lines)
        return f'''"""The shapes of {about["serviceFullName"]}, {about["apiVersion"]}.

Generated by scripts/shapes.py from botocore's model and overlays/{self.service.name}.json;
change those, then run `make shapes`.
"""

{imports}

SERVICE = Service(
    signing_name={about.get("signingName", about["endpointPrefix"])!r},
    target_prefix={about.get("targetPrefix", "")!r},
    version={about["apiVersion"]!r},
    xmlns={about.get("xmlNamespace", "")!r},
)

'''

    def _operations(self) -> str:
        lines = ["", "OPERATIONS: dict[str, OperationShapes] = {"]
        for name, operation in self.service.operations.items():
            takes = operation.get("input", {}).get("shape", "Nothing")
            gives = operation.get("output", {}).get("shape", None)
            lines.append(f"    {name!r}: OperationShapes({takes}, {gives}),")
        return "\n".join([*lines, "}"])

    def _define(self, name: str) -> list[str]:
        """The lines that define a shape, none if they stand already or it needs no name."""
        if name in self._written:
            return []
        self._written.add(name)
        shape = self.service.shapes[name]
        if shape["type"] == "structure":
            return [self._structure(name, shape)]
        if name in self.service.asked and (written := self._constrained(shape)):
            return [f"_{name} = {written}"]
        return []

    def _structure(self, name: str, shape: Model) -> str:
        # The alias is for members that bear the name of their own type.
        lines = [
            "",
            f"class {name}(Shape, frozen=True, kw_only=True, omit_defaults=True, gc=False):",
        ]
        required = set(shape.get("required", ()))
        for member, ref in shape["members"].items():
            if keyword.iskeyword(member):
                raise SystemExit(f"`{name}.{member}` is a word of Python's")
            written = self._use(ref["shape"], asked=name in self.service.asked)
            lines.append(
                f"    {member}: {written}"
                if member in required
                else f"    {member}: {written} | None = None"
            )
        if not shape["members"]:
            lines.append("    pass")
        if name in self._members:
            lines += ["", f"_{name} = {name}"]
        return "\n".join([*lines, ""])

    def _use(self, name: str, *, asked: bool) -> str:
        """How a member says that it is a `name`."""
        shape = self.service.shapes[name]
        if shape["type"] == "structure" or (asked and self._constrained(shape)):
            return f"_{name}"
        return self._plain(shape, asked=asked)

    def _plain(self, shape: Model, *, asked: bool) -> str:
        match shape["type"]:
            case "string":
                return "_Sensitive" if shape.get("sensitive") else "str"
            case "list":
                return f"list[{self._use(shape['member']['shape'], asked=asked)}]"
            case "map":
                value = self._use(shape["value"]["shape"], asked=asked)
                return f"dict[{self._use(shape['key']['shape'], asked=asked)}, {value}]"
            case plain:
                return {
                    "blob": "bytes",
                    "boolean": "bool",
                    "double": "float",
                    "float": "float",
                    "integer": "int",
                    "long": "int",
                    "timestamp": "_Timestamp",
                }[plain]

    def _constrained(self, shape: Model) -> str:
        """The shape with what the model demands of it; an empty string if that is nothing."""
        extra: dict[str, object] = {}
        meta: dict[str, object] = {}
        base = self._plain(shape, asked=True)
        if shape["type"] in ("integer", "long"):
            least, most = _INT64 if shape["type"] == "long" else _INT32
            meta = {"ge": shape.get("min", least), "le": shape.get("max", most)}
            if shape["type"] == "long":
                extra["long"] = True
        else:
            # A bound of 2**31 - 1 is the model's way of having none.
            if shape.get("min", 0) > 0:
                meta["min_length"] = shape["min"]
            if shape.get("max", _INT32[1]) < _INT32[1]:
                meta["max_length"] = shape["max"]
        if "pattern" in shape:
            meta["pattern"] = matching(shape["pattern"])
            extra["pattern"] = shape["pattern"]
        if shape.get("sensitive"):
            extra["sensitive"] = True
            base = "str" if base == "_Sensitive" else base
        if shape.get("flattened"):
            extra["flattened"] = True
        if "enum" in shape:
            if meta or extra:
                raise SystemExit(f"an enum with further constraints: `{shape['enum']}`")
            return f"Literal[{', '.join(repr(value) for value in shape['enum'])}]"
        if extra:
            meta["extra"] = extra
        if not meta:
            return ""
        return f"Annotated[{base}, Meta({', '.join(f'{k}={v!r}' for k, v in meta.items())})]"


def render(service: str) -> str:
    """The module of `service`, as it should stand in wire/shapes."""
    return Writer(Service(service)).text()


def main(services: list[str]) -> None:
    for service in services:
        (_WIRE / "shapes" / f"{service}.py").write_text(render(service))


if __name__ == "__main__":
    main(sys.argv[1:] or list(SERVICES))
