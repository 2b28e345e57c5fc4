"""The four forms in which a key is named, and who takes which."""

import uuid

import pytest
from answers import ACCOUNT, NEVER, arn, denied, refused
from requests_of import ALIAS_TARGET, ANY_FORM, ID_OR_ARN, ask

EVERY = ANY_FORM | ID_OR_ARN
MALFORMED = [
    "fake-key-id",
    "134f2428cec14b25a1ae9048164dba47",
    "mrk-fake-key-id",
    NEVER.replace("a", "A").upper().replace("0", "A"),
    f"{NEVER} ",
    "mrk-" + "0" * 31,
]
each = pytest.mark.parametrize("operation", EVERY)


@pytest.mark.parametrize("operation", ANY_FORM)
def test_every_form_names_the_key(kms, region, key, operation):
    kms.create_alias(AliasName="alias/it", TargetKeyId=key["KeyId"])
    for form in (key["KeyId"], key["Arn"], "alias/it", arn(region, "alias/it")):
        answer = ask(kms, *ANY_FORM[operation], form)
        answer = answer.get("KeyMetadata", {}).get("Arn") or answer["KeyId"]
        assert key["Arn"] == answer


@pytest.mark.parametrize("operation", ID_OR_ARN)
def test_the_rest_take_no_alias(kms, region, key, operation):
    kms.create_alias(AliasName="alias/it", TargetKeyId=key["KeyId"])
    for form in ("alias/it", arn(region, "alias/it"), "alias/never"):
        with refused("NotFoundException", f"Invalid keyId '{form}'"):
            ask(kms, *ID_OR_ARN[operation], form)


@pytest.mark.parametrize("operation", sorted(set(ID_OR_ARN) - {"CancelKeyDeletion"}))
def test_the_rest_take_id_and_arn(kms, key, operation):
    by_arn = kms.create_key()["KeyMetadata"]["Arn"]
    ask(kms, *ID_OR_ARN[operation], key["KeyId"])
    ask(kms, *ID_OR_ARN[operation], by_arn)


@each
def test_what_is_no_key_id(kms, region, operation):
    for form in (*MALFORMED, arn(region, "key/fake")):
        with refused("NotFoundException", f"Invalid keyId '{form}'"):
            ask(kms, *EVERY[operation], form)


@each
def test_a_key_that_is_not_there(kms, region, operation):
    for key_id in (NEVER, "mrk-" + uuid.uuid4().hex):
        missing = f"Key '{arn(region, f'key/{key_id}')}' does not exist"
        with refused("NotFoundException", missing):
            ask(kms, *EVERY[operation], key_id)
        with refused("NotFoundException", missing):
            ask(kms, *EVERY[operation], arn(region, f"key/{key_id}"))


@each
def test_an_arn_of_another_region(kms, endpoint, operation):
    elsewhere = endpoint.client("kms", "mars-north-1").create_key()["KeyMetadata"]
    with refused("NotFoundException", "Invalid arn mars-north-1"):
        ask(kms, *EVERY[operation], elsewhere["Arn"])


@each
def test_an_id_of_another_region(kms, endpoint, region, operation):
    elsewhere = endpoint.client("kms", "mars-north-1").create_key()["KeyMetadata"]
    with refused(
        "NotFoundException", f"Key '{arn(region, 'key/' + elsewhere['KeyId'])}' does not exist"
    ):
        ask(kms, *EVERY[operation], elsewhere["KeyId"])


@each
def test_another_accounts_key_is_refused_whether_it_exists_or_not(kms, stranger, region, operation):
    there = stranger.create_key()["KeyMetadata"]["Arn"]
    not_there = arn(region, f"key/{NEVER}", "111122223333")
    for form in (there, not_there):
        with refused("AccessDeniedException", denied(operation)):
            ask(kms, *EVERY[operation], form)


@pytest.mark.parametrize("operation", ANY_FORM)
def test_another_accounts_alias_is_refused_whether_it_exists_or_not(
    kms, stranger, region, operation
):
    stranger.create_alias(
        AliasName="alias/there", TargetKeyId=stranger.create_key()["KeyMetadata"]["KeyId"]
    )
    for name in ("alias/there", "alias/not-there"):
        form = arn(region, name, "111122223333")
        with refused("AccessDeniedException", denied(operation)):
            ask(kms, *ANY_FORM[operation], form)


@each
def test_an_id_is_looked_up_in_the_callers_account(kms, stranger, region, operation):
    there = stranger.create_key()["KeyMetadata"]["KeyId"]
    with refused("NotFoundException", f"Key '{arn(region, 'key/' + there)}' does not exist"):
        ask(kms, *EVERY[operation], there)


@each
def test_what_is_no_arn_of_kms(kms, region, operation):
    for form in (
        "arn:aws:kms",
        f"arn:aws:s3:{region}:{ACCOUNT}:key/{NEVER}",
        f"arn:aws:kms:{region}:1234:key/{NEVER}",
        f"arn:aws:kms:{region}:{ACCOUNT}:grant/{NEVER}",
        f"arn:aws:kms:{region}:{ACCOUNT}:{NEVER}",
    ):
        with refused("InvalidArnException", f"Invalid arn {form}"):
            ask(kms, *EVERY[operation], form)


def test_an_arn_of_another_partition(kms, region, key):
    form = key["Arn"].replace("arn:aws:", "arn:aws-cn:")
    with refused("NotFoundException", f"Invalid arn {region}"):
        kms.describe_key(KeyId=form)


@pytest.mark.parametrize("operation", ANY_FORM)
def test_an_alias_that_is_not_there(kms, region, operation):
    missing = f"Alias {arn(region, 'alias/never')} is not found."
    for form in ("alias/never", arn(region, "alias/never")):
        with refused("NotFoundException", missing):
            ask(kms, *ANY_FORM[operation], form)


@pytest.mark.parametrize("operation", ALIAS_TARGET)
def test_the_target_of_an_alias(kms, key, region, operation):
    kms.create_alias(AliasName="alias/there", TargetKeyId=key["KeyId"])
    for form in ("alias/there", arn(region, "alias/there")):
        with refused("ValidationException", "Aliases must refer to keys. Not aliases"):
            ask(kms, *ALIAS_TARGET[operation], form)
    with refused("NotFoundException", "Invalid keyId 'fake'"):
        ask(kms, *ALIAS_TARGET[operation], "fake")
    with refused("NotFoundException", f"Key '{arn(region, f'key/{NEVER}')}' does not exist"):
        ask(kms, *ALIAS_TARGET[operation], NEVER)
    with refused("NotFoundException", "Invalid arn mars-north-1"):
        ask(kms, *ALIAS_TARGET[operation], arn("mars-north-1", f"key/{NEVER}"))
    ask(kms, *ALIAS_TARGET[operation], kms.create_key()["KeyMetadata"]["Arn"])


@each
def test_the_longest_name_of_a_key(unchecked, operation):
    method, member, rest = EVERY[operation]
    with pytest.raises(unchecked.exceptions.ClientError, match="less than or equal to 2048"):
        getattr(unchecked, method)(**{member: "k" * 2049}, **rest)
    with pytest.raises(unchecked.exceptions.ClientError, match="greater than or equal to 1"):
        getattr(unchecked, method)(**{member: ""}, **rest)


@pytest.mark.parametrize("operation", sorted(set(EVERY) - {"ListAliases"}))
def test_a_key_must_be_named(unchecked, operation):
    method, _, rest = EVERY[operation]
    with refused(
        "ValidationException",
        "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: "
        "Member must not be null",
    ):
        getattr(unchecked, method)(**rest)
