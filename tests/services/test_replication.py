"""Multi-Region keys: what replicas share with their primary, and what is each one's own."""

import contextlib
import os
import secrets
import string

import pytest
from answers import arn, denied, members, refused
from botocore.exceptions import ClientError
from clockwork import move
from wrapped import bring

DAY = 86_400
NOT_PRIMARY = "{} is not a multi-region primary key."


class Set:
    """A multi-Region key, in Regions that no other test uses."""

    def __init__(self, server, **wishes):
        self.server = server
        start = "r-" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(8))
        self.regions = [f"{start}-{number}" for number in (1, 2, 3)]
        self.kms = [server.client("kms", region) for region in self.regions]
        made = self.kms[0].create_key(MultiRegion=True, **wishes)["KeyMetadata"]
        self.id, self.arn = made["KeyId"], made["Arn"]

    def replicate(self, to=1, by=0, **more):
        return self.kms[by].replicate_key(KeyId=self.id, ReplicaRegion=self.regions[to], **more)

    def at(self, region=0):
        return self.kms[region].describe_key(KeyId=self.id)["KeyMetadata"]

    def arn_at(self, region):
        return arn(self.regions[region], f"key/{self.id}")

    def related(self, region):
        return {"Arn": self.arn_at(region), "Region": self.regions[region]}

    def close(self):
        for client in self.kms:
            client.close()


@pytest.fixture
def made(endpoint):
    """A primary that has no replica yet."""
    with contextlib.closing(Set(endpoint)) as created:
        yield created


def test_a_primary_and_its_replica(made):
    assert made.id.startswith("mrk-")
    assert made.at()["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": made.related(0),
        "ReplicaKeys": [],
    }
    answer = made.replicate(Description="there")
    assert members(answer) == {"ReplicaKeyMetadata", "ReplicaPolicy"}
    shown = answer["ReplicaKeyMetadata"]
    assert (shown["Arn"], shown["KeyId"]) == (made.arn_at(1), made.id)
    assert (shown["KeyState"], shown["Enabled"]) == ("Creating", False)
    assert "CurrentKeyMaterialId" not in shown
    there = made.at(1)
    assert (there["KeyState"], there["Description"]) == ("Enabled", "there")
    assert there["CurrentKeyMaterialId"] == made.at()["CurrentKeyMaterialId"]
    assert there["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": made.related(0),
        "ReplicaKeys": [made.related(1)],
    }
    assert made.at()["MultiRegionConfiguration"]["ReplicaKeys"] == [made.related(1)]
    assert made.kms[1].get_key_policy(KeyId=made.id)["Policy"] == answer["ReplicaPolicy"]
    assert made.kms[1].list_keys()["Keys"] == [{"KeyId": made.id, "KeyArn": made.arn_at(1)}]


def test_each_opens_what_the_other_sealed(made):
    made.replicate(1)
    made.replicate(2)
    context = {"EncryptionContext": {"a": "b"}}
    for one in range(3):
        sealed = made.kms[one].encrypt(KeyId=made.id, Plaintext=b"x", **context)["CiphertextBlob"]
        for other in range(3):
            opened = made.kms[other].decrypt(CiphertextBlob=sealed, **context)
            assert (opened["Plaintext"], opened["KeyId"]) == (b"x", made.arn_at(other))
    with refused("InvalidCiphertextException", ""):
        made.kms[1].decrypt(CiphertextBlob=sealed)


def test_asymmetric_and_hmac_keys_replicate_too(endpoint):
    with contextlib.closing(Set(endpoint, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")) as made:
        made.replicate()
        asked = {"KeyId": made.id, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
        signed = made.kms[1].sign(**asked)["Signature"]
        assert made.kms[0].verify(**asked, Signature=signed)["SignatureValid"]


def test_what_is_each_ones_own(made):
    made.kms[0].tag_resource(KeyId=made.id, Tags=[{"TagKey": "a", "TagValue": "b"}])
    made.kms[0].create_alias(AliasName="alias/own", TargetKeyId=made.id)
    answer = made.replicate(Tags=[{"TagKey": "c", "TagValue": "d"}])
    assert answer["ReplicaTags"] == [{"TagKey": "c", "TagValue": "d"}]
    assert made.kms[1].list_resource_tags(KeyId=made.id)["Tags"] == answer["ReplicaTags"]
    assert made.kms[1].list_aliases(KeyId=made.id)["Aliases"] == []
    made.kms[0].disable_key(KeyId=made.id)
    assert (made.at(0)["KeyState"], made.at(1)["KeyState"]) == ("Disabled", "Enabled")
    made.kms[1].update_key_description(KeyId=made.id, Description="mine")
    assert made.at(0)["Description"] == ""
    made.kms[0].enable_key(KeyId=made.id)


def test_what_cannot_be_replicated(kms, made, region):
    single = kms.create_key()["KeyMetadata"]
    with refused("UnsupportedOperationException", NOT_PRIMARY.format(single["Arn"])):
        kms.replicate_key(KeyId=single["KeyId"], ReplicaRegion="r-elsewhere-1")
    made.replicate()
    with refused("UnsupportedOperationException", NOT_PRIMARY.format(made.arn_at(1))):
        made.replicate(to=2, by=1)
    for region_at in (0, 1):
        with refused("AlreadyExistsException", f"Key '{made.arn_at(region_at)}' already exists."):
            made.replicate(to=region_at)
    with refused("ValidationException", "Region cn-north-1 is not of the partition aws."):
        made.kms[0].replicate_key(KeyId=made.id, ReplicaRegion="cn-north-1")
    with refused(
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    ):
        made.replicate(
            to=2,
            Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":'
            '"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}',
        )
    made.kms[0].disable_key(KeyId=made.id)
    with refused("DisabledException", f"{made.arn} is disabled."):
        made.replicate(to=2)
    with refused("NotFoundException", f"Key '{made.arn_at(2)}' does not exist"):
        made.at(2)


def test_more_regions_than_aws_has(made):
    for number in range(39):
        made.kms[0].replicate_key(KeyId=made.id, ReplicaRegion=f"r-many-{number}")
    with refused("LimitExceededException", "A multi-Region key has at most 40 Regions."):
        made.replicate()


def test_rotations_on_demand_are_counted_for_all_regions_together(made):
    made.replicate()
    for _ in range(25):
        made.kms[0].rotate_key_on_demand(KeyId=made.id)
    made.kms[0].update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[1])
    with pytest.raises(ClientError, match="LimitExceededException"):
        made.kms[1].rotate_key_on_demand(KeyId=made.id)


def test_rotation_is_the_primarys_and_everybodys(made):
    made.replicate()
    before = made.kms[1].encrypt(KeyId=made.id, Plaintext=b"old")["CiphertextBlob"]
    made.kms[0].enable_key_rotation(KeyId=made.id, RotationPeriodInDays=100)
    status = made.kms[1].get_key_rotation_status(KeyId=made.id)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 100)
    for ask in (
        made.kms[1].enable_key_rotation,
        made.kms[1].disable_key_rotation,
        made.kms[1].rotate_key_on_demand,
    ):
        with refused("UnsupportedOperationException", NOT_PRIMARY.format(made.arn_at(1))):
            ask(KeyId=made.id)
    made.kms[0].rotate_key_on_demand(KeyId=made.id)
    assert made.at(0)["CurrentKeyMaterialId"] == made.at(1)["CurrentKeyMaterialId"]
    after = made.kms[0].encrypt(KeyId=made.id, Plaintext=b"new")["CiphertextBlob"]
    for kms in made.kms[:2]:
        assert kms.decrypt(CiphertextBlob=before)["Plaintext"] == b"old"
        assert kms.decrypt(CiphertextBlob=after)["Plaintext"] == b"new"
    # A replica made later has all of it.
    made.replicate(2)
    assert made.kms[2].decrypt(CiphertextBlob=before)["Plaintext"] == b"old"
    listed = made.kms[2].list_key_rotations(KeyId=made.id)["Rotations"]
    assert [each["RotationType"] for each in listed] == ["ON_DEMAND"]


def test_another_primary(made):
    made.replicate(1)
    made.kms[0].enable_key_rotation(KeyId=made.id, RotationPeriodInDays=100)
    with refused("UnsupportedOperationException", NOT_PRIMARY.format(made.arn_at(1))):
        made.kms[1].update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[0])
    with refused("NotFoundException", f"Key '{made.arn_at(2)}' does not exist"):
        made.kms[0].update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[2])
    with refused("UnsupportedOperationException", f"{made.arn} is the primary key already."):
        made.kms[0].update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[0])
    made.kms[1].disable_key(KeyId=made.id)
    with refused("DisabledException", f"{made.arn_at(1)} is disabled."):
        made.kms[0].update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[1])
    made.kms[1].enable_key(KeyId=made.id)

    answer = made.kms[0].update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[1])
    assert members(answer) == set()
    for region in (0, 1):
        assert made.at(region)["MultiRegionConfiguration"] == {
            "MultiRegionKeyType": "PRIMARY" if region == 1 else "REPLICA",
            "PrimaryKey": made.related(1),
            "ReplicaKeys": [made.related(0)],
        }
    status = made.kms[0].get_key_rotation_status(KeyId=made.id)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 100)
    made.kms[1].disable_key_rotation(KeyId=made.id)
    assert not made.kms[0].get_key_rotation_status(KeyId=made.id)["KeyRotationEnabled"]
    made.replicate(to=2, by=1)
    with refused("UnsupportedOperationException", NOT_PRIMARY.format(made.arn)):
        made.kms[0].replicate_key(KeyId=made.id, ReplicaRegion="r-elsewhere-2")


def test_who_may_make_a_replica(endpoint, made):
    """ReplicateKey by the key's policy, CreateKey in the other Region, TagResource for tags."""
    import json

    iam = endpoint.client("iam", "us-east-1")
    name = f"replicator{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    credentials = iam.create_access_key(UserName=name)["AccessKey"]
    kms = endpoint.client_of(credentials, "kms", made.regions[0])

    def may(*statements):
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))

    def allow(action, **conditions):
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        return statement | ({"Condition": {"StringEquals": conditions}} if conditions else {})

    def ask(**more):
        kms.replicate_key(KeyId=made.id, ReplicaRegion=made.regions[1], **more)

    def lacks(action, on):
        return refused(
            "AccessDeniedException",
            f"User: arn:aws:iam::000000000000:user/{name} is not authorized to perform: "
            f"kms:{action} on resource: {on} because no identity-based policy allows the "
            f"kms:{action} action",
        )

    replicate = allow("kms:ReplicateKey", **{"kms:ReplicaRegion": made.regions[1]})
    create = allow(
        "kms:CreateKey",
        **{
            "aws:RequestedRegion": made.regions[1],
            "kms:MultiRegionKeyType": "REPLICA",
            "kms:KeySpec": "SYMMETRIC_DEFAULT",
        },
    )
    may(create)
    with lacks("ReplicateKey", made.arn):
        ask()
    may(replicate)
    with lacks("CreateKey", "*"):
        ask()
    may(replicate, create)
    with lacks("TagResource", "*"):
        ask(Tags=[{"TagKey": "a", "TagValue": "b"}])
    may(replicate, create, allow("kms:TagResource"))
    ask(Tags=[{"TagKey": "a", "TagValue": "b"}])
    may(allow("kms:UpdatePrimaryRegion", **{"aws:RequestedRegion": made.regions[0]}))
    with lacks("UpdatePrimaryRegion", made.arn_at(1)):
        kms.update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[1])
    may(allow("kms:UpdatePrimaryRegion", **{"kms:PrimaryRegion": made.regions[1]}))
    kms.update_primary_region(KeyId=made.id, PrimaryRegion=made.regions[1])
    kms.close()


def test_strangers_do_not_replicate(endpoint, made):
    stranger = endpoint.client("kms", made.regions[0], "111122223333")
    with refused("AccessDeniedException", denied("ReplicateKey", account="111122223333")):
        stranger.replicate_key(KeyId=made.arn, ReplicaRegion=made.regions[1])


# Imported material


def test_a_replica_takes_the_material_of_its_primary(endpoint):
    with contextlib.closing(Set(endpoint, Origin="EXTERNAL")) as made:
        first, second = os.urandom(32), os.urandom(32)
        one = bring(made.kms[0], made.id, first)["KeyMaterialId"]
        made.replicate()
        assert made.at(1)["KeyState"] == "PendingImport"
        with refused("IncorrectKeyMaterialException", ""):
            bring(made.kms[1], made.id, second)
        with refused("IncorrectKeyMaterialException", ""):
            bring(made.kms[1], made.id, second, ImportType="NEW_KEY_MATERIAL")
        assert bring(made.kms[1], made.id, first)["KeyMaterialId"] == one
        assert made.at(1)["KeyState"] == "Enabled"
        sealed = made.kms[0].encrypt(KeyId=made.id, Plaintext=b"x")["CiphertextBlob"]
        assert made.kms[1].decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"

        two = bring(made.kms[0], made.id, second, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]

        def state(region):
            listed = made.kms[region].list_key_rotations(
                KeyId=made.id, IncludeKeyMaterial="ALL_KEY_MATERIAL"
            )
            return {each["KeyMaterialId"]: each["KeyMaterialState"] for each in listed["Rotations"]}

        waits = {one: "CURRENT", two: "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"}
        assert state(0) == state(1) == waits
        assert made.at(1)["KeyState"] == "Enabled"
        nothing = f"No available key material pending rotation for the key: {made.arn}."
        with refused("KMSInvalidStateException", nothing):
            made.kms[0].rotate_key_on_demand(KeyId=made.id)
        bring(made.kms[1], made.id, second)
        assert state(0) == {one: "CURRENT", two: "PENDING_ROTATION"}
        made.kms[0].rotate_key_on_demand(KeyId=made.id)
        for region in (0, 1):
            assert state(region) == {one: "NON_CURRENT", two: "CURRENT"}
            assert made.at(region)["CurrentKeyMaterialId"] == two
        # To delete it at the replica is the replica's affair.
        made.kms[1].delete_imported_key_material(KeyId=made.id)
        assert (made.at(0)["KeyState"], made.at(1)["KeyState"]) == ("Enabled", "PendingImport")


# Deletion


def test_a_primary_waits_for_its_replicas_to_go(apart):
    made = Set(apart)
    made.replicate(1)
    made.replicate(2)
    made.kms[0].enable_key_rotation(KeyId=made.id)
    answer = made.kms[0].schedule_key_deletion(KeyId=made.id, PendingWindowInDays=7)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingReplicaDeletion", 7)
    assert "DeletionDate" not in answer
    now = made.at()
    assert (now["KeyState"], now["PendingDeletionWindowInDays"]) == ("PendingReplicaDeletion", 7)
    assert "DeletionDate" not in now
    made.kms[1].get_key_rotation_status(KeyId=made.id)
    assert not made.kms[0].get_key_rotation_status(KeyId=made.id)["KeyRotationEnabled"]
    with refused("KMSInvalidStateException", f"{made.arn} is pending replica deletion."):
        made.kms[0].encrypt(KeyId=made.id, Plaintext=b"x")
    made.kms[1].encrypt(KeyId=made.id, Plaintext=b"x")
    made.kms[0].cancel_key_deletion(KeyId=made.id)
    assert made.at()["KeyState"] == "Disabled"
    made.kms[0].schedule_key_deletion(KeyId=made.id, PendingWindowInDays=7)

    made.kms[1].schedule_key_deletion(KeyId=made.id, PendingWindowInDays=7)
    move(apart, 8 * DAY)
    with refused("NotFoundException", f"Key '{made.arn_at(1)}' does not exist"):
        made.at(1)
    assert made.at()["KeyState"] == "PendingReplicaDeletion"
    made.kms[2].schedule_key_deletion(KeyId=made.id, PendingWindowInDays=7)
    move(apart, 8 * DAY)
    now = made.at()
    assert now["KeyState"] == "PendingDeletion"
    assert now["MultiRegionConfiguration"]["ReplicaKeys"] == []
    move(apart, 6 * DAY)
    assert made.at()["KeyState"] == "PendingDeletion"
    move(apart, 2 * DAY)
    with refused("NotFoundException", f"Key '{made.arn}' does not exist"):
        made.at()


def test_automatic_rotation_reaches_replicas(apart):
    made = Set(apart)
    made.replicate()
    made.kms[0].enable_key_rotation(KeyId=made.id, RotationPeriodInDays=90)
    first = made.at()["CurrentKeyMaterialId"]
    move(apart, 91 * DAY)
    assert made.at(0)["CurrentKeyMaterialId"] == made.at(1)["CurrentKeyMaterialId"] != first
    assert len(made.kms[1].list_key_rotations(KeyId=made.id)["Rotations"]) == 1


def test_a_replica_that_is_gone_may_be_made_again(apart):
    made = Set(apart)
    made.replicate()
    sealed = made.kms[1].encrypt(KeyId=made.id, Plaintext=b"x")["CiphertextBlob"]
    made.kms[1].schedule_key_deletion(KeyId=made.id, PendingWindowInDays=7)
    with refused("AlreadyExistsException", f"Key '{made.arn_at(1)}' already exists."):
        made.replicate()
    move(apart, 8 * DAY)
    made.replicate()
    assert made.kms[1].decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("HMAC_224", "GENERATE_VERIFY_MAC"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY"),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
        ("ML_DSA_87", "SIGN_VERIFY"),
        ("ML_KEM_1024", "ENCAPSULATE_DECAPSULATE"),
    ],
)
def test_every_kind_of_key_has_replicas(kms, spec, usage):
    key = kms.create_key(MultiRegion=True, KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    made = kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-central-1")
    assert made["ReplicaKeyMetadata"]["KeySpec"] == spec
