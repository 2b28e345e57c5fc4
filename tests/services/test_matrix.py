"""Every operation on a key x every kind of key x every state that it can be brought into.

Each is asked for by the key's id and by its alias, as a dry run, by a user who has nothing but a grant
and its token, and by one who has nothing.  What a state refuses is the KMS Developer Guide's table
(`vectors/states`); what a kind of key refuses stands below, with which of the two AWS asks first.

That is some 13,000 questions in every run and 70,000 in the long one, which has every spec in every role.
A refused request leaves everything as it was.  What succeeds is asked for after that.
"""

import csv
import secrets
import string
from pathlib import Path

import pytest
from answers import DRY, arn, not_allowed
from cells import KINDS, OK, SYMMETRIC, Cell, OfAWS, beside, told

TABLE = Path(__file__).parents[2] / "vectors" / "states" / "states.tsv"
with TABLE.open(newline="") as file:
    STATES = {row.pop("operation"): row for row in csv.DictReader(file, delimiter="\t")}
STATES["ReEncrypt, from it"] = STATES["ReEncrypt"]
OF_GRANTS_AND_ALIASES = {"RetireGrant", "RevokeGrant", "DeleteAlias"}
"""Not asked here: they name a grant or an alias, and no state of the key refuses them."""
LAST = ["ReplicateKey"]  # a primary with a replica is deleted otherwise
OPERATIONS = sorted(set(STATES) - OF_GRANTS_AND_ALIASES - {*LAST}) + LAST

DATA_KEYS = {name for name in OPERATIONS if name.startswith("GenerateDataKey")}
ENCRYPTS = {"Encrypt", "ReEncrypt", *DATA_KEYS}
OPENS = {"Decrypt", "ReEncrypt, from it"}
FOR_USAGE = {
    **dict.fromkeys(ENCRYPTS | OPENS, "ENCRYPT_DECRYPT"),
    **dict.fromkeys(("Sign", "Verify"), "SIGN_VERIFY"),
    **dict.fromkeys(("GenerateMac", "VerifyMac"), "GENERATE_VERIFY_MAC"),
    **dict.fromkeys(("Encapsulate", "Decapsulate"), "ENCAPSULATE_DECAPSULATE"),
    "DeriveSharedSecret": "KEY_AGREEMENT",
}
ANY_FORM = {*FOR_USAGE, "DescribeKey", "GetPublicKey"}
SCHEDULE = {"EnableKeyRotation", "DisableKeyRotation"}
ROTATION = {*SCHEDULE, "RotateKeyOnDemand"}
IMPORT = {"GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial"}
PRIMARY = {"ReplicateKey", "UpdatePrimaryRegion"}
OF_ALIASES = {"CreateAlias", "UpdateAlias"}

WRONG_USE, UNSUPPORTED = "InvalidKeyUsageException", "UnsupportedOperationException"
WRONG_STATE = "KMSInvalidStateException"
OTHER_KEY = "The key ID in the request does not identify a CMK that can perform this operation."


def unfit(operation, kind, it):
    """What is said of a kind of key that an operation is not for, before its state is looked at."""
    if operation in OPENS and kind.usage != "ENCRYPT_DECRYPT":
        return "IncorrectKeyException", OTHER_KEY
    if operation == "GetPublicKey" and not kind.public:
        return UNSUPPORTED, f"{it} key spec is {kind.spec} which is not valid for this operation."
    if operation in {*ROTATION, "ListKeyRotations"} and kind.spec != SYMMETRIC:
        return UNSUPPORTED, ""
    if (operation in PRIMARY and kind.role != "PRIMARY") or (
        operation in ROTATION and kind.role == "REPLICA"
    ):
        return UNSUPPORTED, f"{it} is not a multi-region primary key."
    if (operation in IMPORT and not kind.external) or (operation in SCHEDULE and kind.external):
        return UNSUPPORTED, f"{it} origin is {kind.origin} which is not valid for this operation."
    return None


def misused(operation, kind, it):
    """The same, after it."""
    usage = FOR_USAGE.get(operation)
    if usage is not None and kind.usage != usage:
        return WRONG_USE, f"{it} key usage is {kind.usage} which is not valid for {operation}."
    if operation in DATA_KEYS and kind.spec != SYMMETRIC:
        return WRONG_USE, f"Algorithm SYMMETRIC_DEFAULT is incompatible with key spec {kind.spec}."
    return None


def off(cell_of_table, state, it):
    """What a state says."""
    pending = (
        "pending replica deletion" if state == "PendingReplicaDeletion" else "pending deletion"
    )
    return {
        "D1": ("DisabledException", f"{it} is disabled."),
        "S3": (WRONG_STATE, f"{it} is {pending}."),
        "S4": (WRONG_STATE, f"{it} is not pending deletion."),
        "S5": (WRONG_STATE, f"{it} is pending import."),
    }.get(cell_of_table)


def lacking(operation, kind, it, region):
    """What is said last, for there is nothing to do it with."""
    if operation == "UpdatePrimaryRegion":
        return "NotFoundException", f"Key '{it.replace(region, beside(region, 4))}' does not exist"
    if operation == "RotateKeyOnDemand" and kind.external:
        return WRONG_STATE, f"No available key material pending rotation for the key: {it}."
    return None


def expected(operation, kind, state, it, region):
    """None of what is not known."""
    said = STATES[operation][state]
    if said == "-":
        return unfit(operation, kind, it)
    return (
        unfit(operation, kind, it)
        or off(said, state, it)
        or misused(operation, kind, it)
        or lacking(operation, kind, it, region)
        or OK
    )


@pytest.fixture
def region():
    """A name that ReplicateKey takes for one."""
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(10))
    return f"r-{letters}-1"


@pytest.fixture(scope="module")
def users(endpoint):
    """Credentials of two users, and their ARNs: one is to have grants, one has nothing."""
    iam, made = endpoint.client("iam", "us-east-1"), {}
    for name in ("grantee", "nobody"):
        user = iam.create_user(UserName=f"{name}-{secrets.token_hex(4)}")["User"]
        key = iam.create_access_key(UserName=user["UserName"])["AccessKey"]
        made[name] = (key, user["Arn"])
    return made


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=str(kind), marks=() if kind.short else pytest.mark.long)
        for kind in KINDS
    ],
)
def test_what_every_operation_says(endpoint, users, region, kind):
    clients = {}

    def client(region):
        return clients.setdefault(region, endpoint.client("kms", region))

    (grantees, grantee), (nobodys, nobody) = users["grantee"], users["nobody"]
    cell = Cell(client, region, kind, grantee)
    by_grant = endpoint.client_of(grantees, "kms", region)
    by_nobody = endpoint.client_of(nobodys, "kms", region)
    may = {
        {"ReEncryptTo": "ReEncrypt", "ReEncryptFrom": ""}.get(name, name) for name in cell.granted
    }
    model = cell.kms.meta.service_model
    seen, wanted = {}, {}

    for state in kind.states:
        cell.bring_to(state)
        before, succeed = cell.looked_at(), []

        def ask(how, who, operation, should, name=None, **more):
            key = cell.state, operation, how
            wanted[key] = should
            seen[key] = told(who, operation, **cell.request(operation, name), **more)

        for operation in OPERATIONS:
            should = expected(operation, kind, state, cell.arn, region)
            if should == OK:
                succeed.append(operation)
            elif should is not None:
                ask("by id", cell.kms, operation, should)
            action = operation.removesuffix(", from it")
            members = model.operation_model(action).input_shape.members
            if "DryRun" in members and should is not None:
                dry = ("DryRunOperationException", DRY) if should == OK else should
                ask("dry", cell.kms, operation, dry, DryRun=True)
            if operation in OF_ALIASES:
                no_alias = ("ValidationException", "Aliases must refer to keys. Not aliases")
                ask("by alias", cell.kms, operation, no_alias, "alias/it")
            elif operation not in ANY_FORM:
                no_alias = ("NotFoundException", "Invalid keyId 'alias/it'")
                ask("by alias", cell.kms, operation, no_alias, "alias/it")
            elif should not in (None, OK):
                ask("by alias", cell.kms, operation, should, "alias/it")
            if "GrantTokens" in members and action in may and should not in (None, OK):
                ask("by grant", by_grant, operation, should, GrantTokens=cell.tokens)
            if operation not in OF_ALIASES | {"ReEncrypt", "ReEncrypt, from it"}:
                denied = refused_to(nobody, operation, cell)
                ask("by nobody", by_nobody, operation, denied)
        assert not differing(seen, wanted)
        assert before == cell.looked_at()

        for operation in succeed:
            ask("by id", cell.kms, operation, OK)
            cell.bring_to(state)
            if operation in ANY_FORM:
                ask("by alias", cell.kms, operation, OK, "alias/it")
                ask("by alias ARN", cell.kms, operation, OK, arn(region, "alias/it"))
            if operation in may:
                ask("by grant", by_grant, operation, OK, **with_tokens(cell, model, operation))
            put_back(cell, operation)
        assert not differing(seen, wanted)
    assert len(seen) > 400


def test_what_every_operation_says_of_an_aws_managed_key(kms, region):
    """Its account may look at it and take grants from it; what it may see of it has limits too."""
    cell = OfAWS(kms, region)
    before = cell.looked_at()
    seen, wanted = {}, {}
    for operation in [name for name in OPERATIONS if name not in OPENS]:
        seen[operation] = told(kms, operation, **cell.request(operation))
        if operation.startswith(("Describe", "Get", "List")):
            wanted[operation] = expected(operation, cell.kind, "Enabled", cell.arn, region)
        else:
            action = "ReEncryptTo" if operation == "ReEncrypt" else operation
            wanted[operation] = "AccessDeniedException", not_allowed(action, cell.arn)
    blind = {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    seen["Decrypt"] = told(kms, "Decrypt", KeyId=cell.id, **blind)
    wanted["Decrypt"] = "AccessDeniedException", not_allowed("Decrypt", cell.arn)
    assert not differing(seen, wanted)
    assert before == cell.looked_at()


def differing(seen, wanted):
    """Cells that are not as they should be, one a line."""
    cells = [key for key in wanted if seen[key] != wanted[key]]
    return "\n".join(f"{key}: {seen[key]}, not {wanted[key]}" for key in cells)


def refused_to(who, operation, cell):
    on = cell.arn
    if operation == "ListAliases":
        on = "*"
    if operation == "Decrypt" and cell.usage != "ENCRYPT_DECRYPT":
        on = cell.companion  # whose the ciphertext is
    because = f"because no identity-based policy allows the kms:{operation} action"
    text = f"User: {who} is not authorized to perform: kms:{operation} on resource: {on} {because}"
    return "AccessDeniedException", text


def with_tokens(cell, model, operation):
    members = model.operation_model(operation).input_shape.members
    return {"GrantTokens": cell.tokens} if "GrantTokens" in members else {}


def put_back(cell, operation):
    """What has moved an alias is to move it again."""
    if operation == "CreateAlias":
        cell.kms.delete_alias(AliasName="alias/new")
    if operation == "UpdateAlias":
        cell.kms.update_alias(AliasName="alias/moves", TargetKeyId=cell.alike)
