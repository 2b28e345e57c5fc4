"""Envelope encryption for applications: files of any size, under a key of any KMS endpoint.

    kms = boto3.client("kms")
    with open("report.pdf", "rb") as plain, open("report.pdf.encrypted", "wb") as sealed:
        encrypt(plain, sealed, key="alias/reports", kms=kms, context={"department": "finance"})

One GenerateDataKey a file, one Decrypt to read it.  The message is the AWS Encryption SDK's, so
its other implementations open it, and theirs is opened here: docs/formats/message.md.
"""

from strongroom.client.datakeys import Kms
from strongroom.client.faults import (
    Altered,
    ContextRefused,
    KeyRefused,
    MessageFault,
    NotAMessage,
    UnexpectedAnswer,
    Unsupported,
)
from strongroom.client.opening import Opened, decrypt
from strongroom.client.sealing import Sealed, encrypt

__all__ = [
    "Altered",
    "ContextRefused",
    "KeyRefused",
    "Kms",
    "MessageFault",
    "NotAMessage",
    "Opened",
    "Sealed",
    "UnexpectedAnswer",
    "Unsupported",
    "decrypt",
    "encrypt",
]
