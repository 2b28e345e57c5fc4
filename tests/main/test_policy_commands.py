"""`strongroom policy check` and `policy test`, as a stranger or her CI meets them."""

import json

A = "111122223333"
KEY = f"arn:aws:kms:us-east-1:{A}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
GOOD = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
CASE = {
    "id": "one",
    "principal": f"arn:aws:iam::{A}:user/alice",
    "action": "kms:Decrypt",
    "resource": KEY,
    "resource_policy": GOOD,
    "identity_policies": [
        {
            "name": "mine",
            "policy": {
                "Version": "2012-10-17",
                "Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"},
            },
        }
    ],
    "expected": {"decision": "Allow"},
}


def written(tmp_path, *cases):
    file = tmp_path / "cases.jsonl"
    file.write_text("\n".join(json.dumps(case) for case in cases) + "\n\n")
    return file


def test_a_good_policy(strongroom, tmp_path):
    file = tmp_path / "p.json"
    file.write_text(json.dumps(GOOD))
    said = strongroom("policy", "check", file)
    assert (said.code, said.out) == (0, "")
    assert said.err == f"{file}: a well-formed key policy\n"


def test_errors_have_their_place_and_dangers_are_none(strongroom, tmp_path):
    bad = json.dumps(GOOD, indent=1).replace('"kms:*"', '"kms"')
    said = strongroom("policy", "check", "-", stdin=bad)
    assert said.code == 1
    assert said.out == "-:9:14: error: `kms` is not `service:Action`\n"
    public = json.dumps(GOOD).replace(f'{{"AWS": "arn:aws:iam::{A}:root"}}', '"*"')
    said = strongroom("policy", "check", "-", stdin=public)
    assert said.code == 0
    assert "danger: everybody in the world is allowed" in said.out
    (found,) = map(
        json.loads, strongroom("policy", "check", "-", "--json", stdin=public).out.splitlines()
    )
    assert (found["kind"], found["line"]) == ("danger", 1)


def test_what_a_policy_is_for_can_be_said(strongroom):
    said = strongroom("policy", "check", "-", "--as", "identity", stdin=json.dumps(GOOD))
    assert "a policy of a principal has no Principal" in said.out
    assert strongroom("policy", "check", "-", "--as", "tea", stdin="{}").sentence.startswith(
        "`tea` is no use of a policy; say one of identity, boundary"
    )


def test_a_file_that_is_none(strongroom, tmp_path):
    assert "cannot be read" in strongroom("policy", "check", tmp_path / "never").sentence
    (tmp_path / "raw").write_bytes(b"\xff\xfe")
    assert "not text in UTF-8" in strongroom("policy", "test", tmp_path / "raw").sentence
    assert "cannot be read" in strongroom("policy", "test", tmp_path).sentence


def test_cases_that_come_out_as_expected(strongroom, tmp_path):
    denied = CASE | {"id": "two", "identity_policies": [], "expected": {"decision": "ImplicitDeny"}}
    said = strongroom("policy", "test", written(tmp_path, CASE, denied))
    assert (said.code, said.out, said.err) == (0, "2 passed, 0 failed\n", "")


def test_cases_that_do_not(strongroom, tmp_path):
    wrong = CASE | {"expected": {"decision": "ExplicitDeny"}}
    said = strongroom("policy", "test", written(tmp_path, CASE, wrong))
    assert said.code == 1
    assert said.out.splitlines() == [
        "FAILED one: expected ExplicitDeny, got Allow, by the identity-based policy (mine: statement 1)",
        "1 passed, 1 failed",
    ]


def test_decisions_without_expectations(strongroom, tmp_path):
    asked = {name: value for name, value in CASE.items() if name != "expected"}
    file = written(tmp_path, asked)
    assert strongroom("policy", "test", file).out == "0 passed, 0 failed, 1 without expectation\n"
    printed = strongroom("policy", "test", file, "--print").out.splitlines()
    assert printed[0] == "one: Allow, by the identity-based policy (mine: statement 1)"
    said = strongroom("policy", "test", file, "--json")
    assert json.loads(said.out) == {
        "id": "one",
        "line": 1,
        "decision": "Allow",
        "layer": "identity-based policy",
        "policy": "mine",
        "statement": 1,
    }


def test_lines_that_are_no_cases(strongroom, tmp_path):
    file = tmp_path / "cases.jsonl"
    lines = [
        "{",
        json.dumps(CASE | {"identity_policy": []}),
        json.dumps(CASE | {"principal": "alice"}),
        json.dumps(CASE | {"expected": {"decision": "Maybe"}}),
        json.dumps(CASE | {"grants": [{"Operations": []}]}),
        json.dumps(CASE | {"context": {"a": {"b": 1}}}),
        json.dumps({"id": "x"}),
        json.dumps(CASE),
    ]
    file.write_text("\n".join(lines))
    said = strongroom("policy", "test", file)
    assert said.code == 1
    assert said.out == "1 passed, 7 failed\n"
    told = said.err.splitlines()
    assert len(told) == 7
    assert told[1] == "line 2: a case has no member `identity_policy`"
    assert told[2] == "line 3: `alice` is not a principal that can ask"
