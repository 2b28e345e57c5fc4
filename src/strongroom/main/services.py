"""The services that a worker offers, each with the world it acts on."""

from collections.abc import Callable
from functools import partial

from strongroom.backings.software import SoftwareBacking
from strongroom.backings.vouching import Vouching
from strongroom.issuers.key_sets import KeySets
from strongroom.jobs import Done
from strongroom.keys.session import sealed
from strongroom.keys.usage import LastUsage
from strongroom.policy.entities import Role
from strongroom.server.operations import Offered
from strongroom.services import clock, iam, kms, organizations, sts
from strongroom.services.iam import ids as iam_ids
from strongroom.services.iam.world import Books as IamBooks
from strongroom.services.iam.world import Iam
from strongroom.services.kms.access import Decisions
from strongroom.services.kms.world import Kms, KmsBooks, Reading, Writing
from strongroom.services.organizations.world import Books as OrganizationsBooks
from strongroom.services.organizations.world import Organizations
from strongroom.services.sts.world import Books as StsBooks
from strongroom.services.sts.world import Sts
from strongroom.storage.page import Page
from strongroom.wire.protocol import Protocol
from strongroom.wire.shapes import iam as iam_shapes
from strongroom.wire.shapes import kms as kms_shapes
from strongroom.wire.shapes import organizations as organizations_shapes
from strongroom.wire.shapes import sts as sts_shapes


def offered_kms(
    memory: Reading,
    backing: SoftwareBacking,
    noted: Callable[[str], LastUsage | None],
    roots: Vouching,
    key_quota: int,
) -> Offered:
    """`noted` tells what this worker knows of a key's last usage; `roots` vouch for recipients."""

    def over(books: Writing) -> KmsBooks:
        return KmsBooks(books, backing, Decisions(books.standing), noted, key_quota)

    return Offered(
        wire=kms_shapes.SERVICE,
        protocols=(Protocol.JSON11,),
        source="kms.amazonaws.com",
        shapes=kms_shapes.OPERATIONS,
        operations=kms.OPERATIONS,
        memory=Kms(memory, backing, Decisions(memory.standing), roots),
        books=over,
    )


def offered_iam() -> Offered:
    def over(books: IamBooks) -> Iam:
        return Iam(books)

    return Offered(
        wire=iam_shapes.SERVICE,
        protocols=(Protocol.QUERY,),
        source="iam.amazonaws.com",
        shapes=iam_shapes.OPERATIONS,
        operations=iam.OPERATIONS,
        memory=None,
        books=over,
    )


def offered_sts(session_key: bytes, issuers: KeySets) -> Offered:
    def over(books: StsBooks) -> Sts:
        return Sts(books, partial(sealed, session_key), issuers.keys)

    return Offered(
        wire=sts_shapes.SERVICE,
        protocols=(Protocol.QUERY,),
        source="sts.amazonaws.com",
        shapes=sts_shapes.OPERATIONS,
        operations=sts.OPERATIONS,
        memory=None,
        books=over,
    )


def offered_organizations(*, anybody: bool) -> Offered:
    """`anybody` says whether accounts that were never made may join."""

    def over(books: OrganizationsBooks) -> Organizations:
        return Organizations(books, partial(iam_ids.unique_id, Role), anybody)

    return Offered(
        wire=organizations_shapes.SERVICE,
        protocols=(Protocol.JSON11,),
        source="organizations.amazonaws.com",
        shapes=organizations_shapes.OPERATIONS,
        operations=organizations.OPERATIONS,
        memory=None,
        books=over,
    )


def offered_clock(page: Page, now: Callable[[], float], due: Callable[[], Done]) -> Offered:
    return Offered(
        wire=clock.SERVICE,
        protocols=(Protocol.JSON11,),
        source="strongroom",
        shapes=clock.SHAPES,
        operations=clock.OPERATIONS,
        memory=_MovableClock(page, now, due),
        books=lambda _books: None,
    )


class _MovableClock:
    """The clock of a throw-away server; see `services.clock.World`."""

    def __init__(self, page: Page, now: Callable[[], float], due: Callable[[], Done]) -> None:
        self._page = page
        self._now = now
        self._due = due

    def now(self) -> float:
        return self._now()

    def move(self, seconds: float) -> float:
        self._page.clock_offset += seconds
        return self._now()

    def do_what_is_due(self) -> tuple[list[str], list[str], list[str]]:
        done = self._due()
        expired = dict.fromkeys(key.arn for key, _ in done.expired)
        return [key.arn for key in done.deleted], [key.arn for key in done.rotated], [*expired]
