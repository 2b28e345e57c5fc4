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


def test_only_a_line_feed_ends_a_case(strongroom, tmp_path):
    """JSON has other line separators in texts."""
    context = {"kms:EncryptionContext:a": "one\u2028two\u0085three\x0b"}
    file = tmp_path / "cases.jsonl"
    line = json.dumps(CASE | {"context": context}, ensure_ascii=False)
    file.write_text(f"{line}\r\n\n{line}\n", newline="")
    assert strongroom("policy", "test", file).out == "2 passed, 0 failed\n"
    told = strongroom("policy", "test", file, "--json").out.splitlines()
    assert [json.loads(each)["line"] for each in told] == [1, 3]


def test_whom_a_provider_of_identities_vouches_for_is_a_principal(strongroom, tmp_path):
    provider = f"arn:aws:iam::{A}:oidc-provider/issuer.example/path"
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {"issuer.example/path:sub": "repo:one"}},
        },
    }
    case = {
        "principal": provider,
        "action": "sts:AssumeRoleWithWebIdentity",
        "resource": f"arn:aws:iam::{A}:role/ci",
        "resource_policy": trust,
        "context": {"issuer.example/path:sub": "repo:one"},
        "expected": {"decision": "Allow"},
    }
    denied = {"expected": {"decision": "ImplicitDeny"}}
    cases = [
        case,
        case | denied | {"context": {}},
        case | denied | {"principal": f"arn:aws:iam::{A}:saml-provider/other"},
        case | denied | {"resource_policy": None},
    ]
    said = strongroom("policy", "test", written(tmp_path, *cases))
    assert said.out == "4 passed, 0 failed\n"


def test_a_policy_with_a_document_and_no_name_is_that_document(strongroom, tmp_path):
    nameless = {"policy": CASE["identity_policies"][0]["policy"]}
    assert strongroom(
        "policy", "test", written(tmp_path, CASE | {"identity_policies": [nameless]})
    ).out == ("1 passed, 0 failed\n")
    for wrong, says in (
        ({"nam": "x"}, "it has no `nam`"),
        ({"name": 1}, "the `name` of a policy is text"),
        ({"policy": []}, "a policy is an object"),
    ):
        case = CASE | {"identity_policies": [nameless | wrong]}
        said = strongroom("policy", "test", written(tmp_path, case))
        assert (said.code, says in said.err) == (1, True), said.err


def test_nothing_that_a_terminal_would_obey_is_written(strongroom, tmp_path):
    escape = "\x1b]0;owned\x07"
    sid = GOOD["Statement"][0] | {"Sid": escape, "Action": "s3:*"}
    named = {"name": escape, "policy": CASE["identity_policies"][0]["policy"]}
    unlike = CASE | {
        "id": escape,
        "identity_policies": [named],
        "expected": {"decision": "ExplicitDeny"},
    }
    shown = [
        strongroom("policy", "check", "-", stdin=json.dumps({"Statement": [sid]})),
        strongroom("policy", "check", "-", stdin=json.dumps(GOOD | {escape: 1})),
        strongroom("policy", "check", escape),
        strongroom("policy", "test", written(tmp_path, unlike, CASE | {escape: 1})),
        strongroom("explain", escape, "--data", tmp_path / escape),
    ]
    for said in shown:
        assert "\x1b" not in said.out + said.err
        assert "\x07" not in said.out + said.err
    assert "FAILED \\x1b]0;owned\\x07" in shown[3].out
    assert "no member `\\x1b]0;owned" in shown[3].err


def test_a_file_without_end_is_not_read_to_its_end(strongroom):
    assert "larger than any policy" in strongroom("policy", "check", "/dev/zero").sentence
    assert "longer than any case" in strongroom("policy", "test", "/dev/zero").sentence


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
    found = [
        json.loads(each) for each in strongroom("policy", "test", file, "--json").out.splitlines()
    ]
    assert [each["line"] for each in found] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert found[1] == {
        "line": 2,
        "fault": "a case has no member `identity_policy`",
        "passed": False,
    }
    assert found[7]["passed"] is True
