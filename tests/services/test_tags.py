import pytest
from answers import RESERVED_TAGS, members, one, refused, violated


def tags(**values):
    return [{"TagKey": name, "TagValue": value} for name, value in values.items()]


def test_tags_keep_the_order_in_which_they_came(kms, key_id):
    assert {"Tags", "Truncated"} == members(kms.list_resource_tags(KeyId=key_id))
    assert members(kms.tag_resource(KeyId=key_id, Tags=tags(b="1", a="2"))) == set()
    kms.tag_resource(KeyId=key_id, Tags=tags(c="", b="new", A="x"))
    answer = kms.list_resource_tags(KeyId=key_id)
    assert tags(b="new", a="2", c="", A="x") == answer["Tags"]
    assert answer["Truncated"] is False
    assert members(kms.untag_resource(KeyId=key_id, TagKeys=["a", "never"])) == set()
    assert tags(b="new", c="", A="x") == kms.list_resource_tags(KeyId=key_id)["Tags"]


def test_tags_page_by_page(kms, key_id):
    kms.tag_resource(KeyId=key_id, Tags=tags(a="", b="", c=""))
    first = kms.list_resource_tags(KeyId=key_id, Limit=2)
    assert {"Tags", "Truncated", "NextMarker"} == members(first)
    rest = kms.list_resource_tags(KeyId=key_id, Limit=2, Marker=first["NextMarker"])
    assert (first["Truncated"], rest["Truncated"]) == (True, False)
    assert tags(a="", b="", c="") == first["Tags"] + rest["Tags"]


def test_fifty_and_no_more(kms, key_id):
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": f"t{n}", "TagValue": ""} for n in range(50)])
    kms.tag_resource(KeyId=key_id, Tags=tags(t49="changed"))
    with refused("TagException", "Too many tags"):
        kms.tag_resource(KeyId=key_id, Tags=tags(t50=""))
    kms.untag_resource(KeyId=key_id, TagKeys=["t0"])
    kms.tag_resource(KeyId=key_id, Tags=tags(t50=""))
    listed = kms.list_resource_tags(KeyId=key_id)["Tags"]
    assert (len(listed), listed[-1]["TagKey"]) == (50, "t50")


@pytest.mark.parametrize("name", ["aws:", "aws:x", "AWS:x", "aWs:x"])
def test_names_of_aws(kms, key_id, name):
    with refused("TagException", RESERVED_TAGS):
        kms.tag_resource(KeyId=key_id, Tags=tags(fine="1") + tags(**{name: "1"}))
    with refused("TagException", RESERVED_TAGS):
        kms.untag_resource(KeyId=key_id, TagKeys=[name])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == []


def test_a_key_named_twice(kms, key_id):
    with refused("TagException", "Duplicate tag keys"):
        kms.tag_resource(KeyId=key_id, Tags=tags(a="1") + tags(a="2"))


@pytest.mark.parametrize(
    ("name", "value", "member", "demand"),
    [
        ("k" * 129, "", "tagKey", "have length less than or equal to 128"),
        ("", "", "tagKey", "have length greater than or equal to 1"),
        ("k", "v" * 257, "tagValue", "have length less than or equal to 256"),
    ],
)
def test_sizes(unchecked, key_id, name, value, member, demand):
    wrong = name if member == "tagKey" else value
    with refused(
        "ValidationException", violated(one(f"'{wrong}'", f"tags.2.member.{member}", demand))
    ):
        unchecked.tag_resource(KeyId=key_id, Tags=tags(fine="") + tags(**{name: value}))
    unchecked.tag_resource(KeyId=key_id, Tags=tags(**{"k" * 128: "v" * 256}))
    assert tags(**{"k" * 128: "v" * 256}) == unchecked.list_resource_tags(KeyId=key_id)["Tags"]


@pytest.mark.parametrize(
    ("limit", "demand"),
    [
        (0, "have value greater than or equal to 1"),
        (51, "have value less than or equal to 50"),
        (1001, "have value less than or equal to 1000"),
    ],
)
def test_the_limit_has_limits(unchecked, key_id, limit, demand):
    with refused("ValidationException", violated(one(f"'{limit}'", "limit", demand))):
        unchecked.list_resource_tags(KeyId=key_id, Limit=limit)
