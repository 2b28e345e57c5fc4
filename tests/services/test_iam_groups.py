import re

import pytest
from answers import members
from iam_answers import ADMINISTRATOR, DOCUMENT, conflict, exists, no_such, pages


def test_a_group_comes_moves_and_goes(iam, account):
    made = iam.create_group(GroupName="Ops", Path="/a/")["Group"]
    assert set(made) == {"Path", "GroupName", "GroupId", "Arn", "CreateDate"}
    assert made["Arn"] == f"arn:aws:iam::{account}:group/a/Ops"
    assert re.fullmatch("AGPA[A-Z2-7]{17}", made["GroupId"])
    assert iam.list_groups()["Groups"] == [made]
    with exists("Group with name OPS already exists."):
        iam.create_group(GroupName="OPS")
    iam.create_group(GroupName="dev")
    with exists("Group with name Dev already exists."):
        iam.update_group(GroupName="ops", NewGroupName="Dev")
    iam.update_group(GroupName="ops", NewGroupName="operators", NewPath="/")
    answer = iam.get_group(GroupName="operators")
    assert members(answer) == {"Group", "Users", "IsTruncated"}
    assert answer["Group"]["GroupId"] == made["GroupId"]
    assert answer["Group"]["Arn"] == f"arn:aws:iam::{account}:group/operators"
    iam.delete_group(GroupName="operators")
    with no_such("The group with name operators cannot be found."):
        iam.get_group(GroupName="operators")


def test_who_is_in_it(iam):
    iam.create_group(GroupName="g")
    iam.create_group(GroupName="h")
    for name in ("carol", "alice", "bob"):
        iam.create_user(UserName=name)
        for _ in range(2):  # the second time changes nothing
            iam.add_user_to_group(GroupName="g", UserName=name)
    found, sizes = pages(iam, "get_group", "Users", 2, GroupName="g")
    assert [user["UserName"] for user in found] == ["alice", "bob", "carol"]
    assert sizes == [2, 1]
    iam.add_user_to_group(GroupName="h", UserName="alice")
    found, sizes = pages(iam, "list_groups_for_user", "Groups", 1, UserName="alice")
    assert [group["GroupName"] for group in found] == ["g", "h"]
    for _ in range(2):
        iam.remove_user_from_group(GroupName="g", UserName="alice")
    (group,) = iam.list_groups_for_user(UserName="alice")["Groups"]
    assert group["GroupName"] == "h"


def test_a_user_made_anew_is_in_no_group_of_its_namesakes(iam):
    iam.create_group(GroupName="g")
    iam.create_user(UserName="alice")
    iam.add_user_to_group(GroupName="g", UserName="alice")
    iam.remove_user_from_group(GroupName="g", UserName="alice")
    iam.delete_user(UserName="alice")
    iam.create_user(UserName="alice")
    assert iam.list_groups_for_user(UserName="alice")["Groups"] == []


@pytest.mark.parametrize("operation", ["add_user_to_group", "remove_user_from_group"])
def test_both_must_be_there(iam, operation):
    iam.create_group(GroupName="g")
    iam.create_user(UserName="alice")
    with no_such("The user with name bob cannot be found."):
        getattr(iam, operation)(GroupName="g", UserName="bob")
    with no_such("The group with name h cannot be found."):
        getattr(iam, operation)(GroupName="h", UserName="alice")


@pytest.mark.parametrize(
    ("operation", "further"),
    [("get_group", {}), ("update_group", {"NewPath": "/a/"}), ("delete_group", {})],
)
def test_no_group_is_told_so(iam, operation, further):
    with no_such("The group with name none cannot be found."):
        getattr(iam, operation)(GroupName="none", **further)


def test_a_group_that_has_something_cannot_be_deleted(iam):
    iam.create_group(GroupName="g")
    iam.create_user(UserName="alice")
    iam.add_user_to_group(GroupName="g", UserName="alice")
    with conflict("Cannot delete entity, must remove users from group first."):
        iam.delete_group(GroupName="g")
    iam.remove_user_from_group(GroupName="g", UserName="alice")
    iam.attach_group_policy(GroupName="g", PolicyArn=ADMINISTRATOR)
    with conflict("Cannot delete entity, must detach all policies first."):
        iam.delete_group(GroupName="g")
    iam.detach_group_policy(GroupName="g", PolicyArn=ADMINISTRATOR)
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=DOCUMENT)
    with conflict("Cannot delete entity, must delete policies first."):
        iam.delete_group(GroupName="g")
    iam.delete_group_policy(GroupName="g", PolicyName="p")
    iam.delete_group(GroupName="g")


def test_groups_page_by_page(iam):
    for name in ("c", "A", "b"):
        iam.create_group(GroupName=name, Path=f"/{name}/")
    found, sizes = pages(iam, "list_groups", "Groups", 2)
    assert ([group["GroupName"] for group in found], sizes) == (["A", "b", "c"], [2, 1])
    (group,) = iam.list_groups(PathPrefix="/b/")["Groups"]
    assert group["GroupName"] == "b"
