"""Which rows are read together, and so have a total of their own (`keys.witness`).

A thing is all rows of one kind that have the same values in some columns: the rows of a key and of its
materials, a key's grants to one grantee, what is attached to a user.  A row can be of two things, where
it is read in two ways: an alias by its name, and with the others of its key.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, Table

from strongroom.keys.witness import Place, Thing
from strongroom.storage import schema

_BETWEEN = "\n"  # values of a name that has several; it is in none of them


AnyRow = Mapping[str, Any] | RowMapping
"""A row as it is written, or as it was read."""


class _Kind(NamedTuple):
    """How rows of a table are put together."""

    name: str
    columns: tuple[str, ...]
    of_account: bool = True
    """Whether it is known of which account they are before they are read."""
    of_region: bool = True
    only: Callable[[AnyRow], bool] | None = None
    """Which rows; all, if none is given."""
    short: Callable[[str], str] | None = None
    """What of the value is in the name, where there would be a thing for each row otherwise."""

    def of(self, row: AnyRow) -> Thing:
        name = _BETWEEN.join(str(row[column]) for column in self.columns)
        return Thing(
            self.name,
            row["account"] if self.of_account else "",
            row.get("region", "") if self.of_region else "",
            name if self.short is None else self.short(name),
        )


def beginning(key_id: str) -> str:
    """Three digits of a key's id, behind `mrk-` if that is there: one key in 4,096 has the same."""
    return key_id[:7] if key_id.startswith("mrk-") else key_id[:3]


_KEY = _Kind("key", ("key_id",))
_REGIONS = _Kind("regions", ("key_id",), of_region=False)
_ENTITIES = (schema.iam_users, schema.iam_groups, schema.iam_roles, schema.iam_policies)

_KINDS: dict[Table, tuple[_Kind, ...]] = {
    schema.domains: (_Kind("domain", ()),),
    schema.accounts: (_Kind("account", ()),),
    schema.access_keys: (_Kind("access_key", ("key_id",), of_account=False),),
    schema.keys: (_KEY, _REGIONS._replace(only=lambda row: bool(row["multi_region"]))),
    schema.materials: (_KEY,),
    schema.imports: (_KEY,),
    schema.primaries: (_REGIONS,),
    schema.last_usage: (_Kind("last_usages", ("key_id",), short=beginning),),
    schema.aliases: (_Kind("alias", ("name",)), _Kind("aliases", ("target",))),
    schema.tags: (_Kind("tags", ("key_id",)),),
    schema.grants: (_Kind("grants", ("key_id", "grantee_id")),),
    **{
        table: (_Kind(table.name, ("folded",)), _Kind(f"{table.name}_by_id", ("id",)))
        for table in _ENTITIES
    },
    schema.iam_policy_versions: (_Kind("iam_policy_versions", ("policy_id",)),),
    schema.iam_members: (_Kind("iam_members", ("user_id",)),),
    schema.iam_attachments: (_Kind("iam_attachments", ("owner",)),),
    schema.iam_inline_policies: (_Kind("iam_inline_policies", ("owner",)),),
    schema.iam_tags: (_Kind("iam_tags", ("owner",)),),
    schema.iam_providers: (_Kind("iam_providers", ()),),
    schema.iam_role_deletions: (_Kind("iam_role_deletions", ()),),
    schema.iam_account_aliases: (_Kind("account_alias", ("alias",), of_account=False),),
    schema.organizations: (_Kind("organization", ()),),
    schema.organization_units: (_Kind("organization_unit", ("id",)),),
    schema.organization_members: (_Kind("organization_member", ("id",), of_account=False),),
    schema.organization_policies: (_Kind("organization_policy", ("id",)),),
    schema.organization_attachments: (_Kind("organization_attachments", ("target",)),),
    schema.organization_invitations: (_Kind("invitation", ("id",), of_account=False),),
    schema.organization_creations: (_Kind("organization_creation", ("id",)),),
    schema.organization_tags: (_Kind("organization_tags", ("owner",)),),
}

COUNTED: tuple[Table, ...] = tuple(_KINDS)
"""Tables whose rows are to be there; first that which has the others' keys."""

KINDS = frozenset(kind.name for kinds in _KINDS.values() for kind in kinds)
"""Those that this release knows."""


def things_of(table: Table, row: AnyRow) -> list[Thing]:
    """The things that a row is of."""
    return [kind.of(row) for kind in _KINDS[table] if kind.only is None or kind.only(row)]


def thing(table: Table, account: str, region: str, by: Mapping[str, str]) -> Thing:
    """The thing of the rows of a table that have these values in these columns, whose row may be missing."""
    kind = next(kind for kind in _KINDS[table] if kind.columns == tuple(by))
    return kind.of({**by, "account": account, "region": region})


def place_of(table: Table, row: AnyRow) -> Place:
    return Place(str(table.name), row["account"], row.get("region", ""))


def mac_of(table: Table) -> str:
    """The column that vouches for a row: a domain has none but what it seals."""
    return "sealed" if table is schema.domains else "mac"


def columns_of(table: Table) -> list[Any]:
    """The columns that say of which things a row is, and the one that vouches for it."""
    named = {name for kind in _KINDS[table] for name in kind.columns}
    named |= {"account", "region", "multi_region", mac_of(table)}
    return [column for column in table.columns if column.name in named]
