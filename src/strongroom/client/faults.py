"""What can be wrong with a message, or with the key it names: each a sentence for its reader.

A KMS client's own exceptions (botocore's) are not wrapped: `encrypt` lets them through as they
are, and `decrypt` keeps those of every data key it tried in `KeyRefused.causes`.
"""

from collections.abc import Sequence


class MessageFault(Exception):
    """The message, the context or the key is not what it must be.  Nothing was released."""


class NotAMessage(MessageFault):
    """The bytes do not begin as a message of this format."""


class Unsupported(MessageFault):
    """A message of this format that is not opened here, by policy or beyond a bound."""


class Altered(MessageFault):
    """Cut short, changed, put together anew, or followed by bytes that are not its own."""


class ContextRefused(MessageFault):
    """The encryption context cannot be written, or is not the one that was asked for."""


class UnexpectedAnswer(MessageFault):
    """KMS answered with another key than it was asked for, or with no data key of 32 bytes."""


class MaterialRefused(MessageFault):
    """Key material that is none, or a key that takes none from outside."""


class EndpointRefused(MessageFault):
    """What was given for the address of KMS is none."""


class KeyRefused(MessageFault):
    """No data key in the message could be opened.

    `causes` has what KMS said of each that was tried, in the message's order; it is empty when
    none was under a key that may be tried.
    """

    def __init__(self, sentence: str, causes: Sequence[Exception] = ()) -> None:
        super().__init__(sentence)
        self.causes = tuple(causes)


CUT_SHORT = "the message ends before its end: it was cut short"
CHANGED = (
    "the message is not as it was sealed: it was altered, or its data key is another message's"
)
NOT_ITS_OWN = "bytes follow the end of the message: it was added to"
