"""The data key of a message: made by KMS, and opened by KMS again.

KMS is told the message's encryption context both times, and answers with the ARN of the key it
used.  That ARN stands beside the encrypted data key, and opening asks for exactly that key: the
answer must name it, so that nobody can slip in a data key of their own under a key of theirs.

Which data keys of a message are tried, in order:

    no key, no Region given   every one under KMS ("discovery")
    a key given               those under that key ("strict")
    a Region given            those under keys of that Region
    a multi-Region key        counts as its own replica in the Region asked for

Source: AWS Encryption SDK Developer Guide, "AWS KMS keyrings"; KMS API Reference,
GenerateDataKey and Decrypt.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypedDict

from botocore.exceptions import BotoCoreError, ClientError

from strongroom.arn import Arn
from strongroom.client.faults import KeyRefused, UnexpectedAnswer
from strongroom.client.header import EncryptedDataKey
from strongroom.client.suites import DATA_KEY

PROVIDER = "aws-kms"
_MOST_SHOWN = 4  # keys of a message that a sentence names
_MOST_CHARACTERS = 256  # of each


class GeneratedKey(TypedDict):
    KeyId: str
    Plaintext: bytes
    CiphertextBlob: bytes


class DecryptedKey(TypedDict):
    KeyId: str
    Plaintext: bytes


class Kms(Protocol):
    """The two calls that are made of a KMS client; botocore's and boto3's are such clients.

    What it raises is botocore's: ClientError for an answer, BotoCoreError for none.
    """

    def generate_data_key(
        self,
        *,
        KeyId: str,  # noqa: N803
        KeySpec: str,  # noqa: N803
        EncryptionContext: Mapping[str, str],  # noqa: N803
    ) -> GeneratedKey: ...

    def decrypt(
        self,
        *,
        KeyId: str,  # noqa: N803
        CiphertextBlob: bytes,  # noqa: N803
        EncryptionContext: Mapping[str, str],  # noqa: N803
    ) -> DecryptedKey: ...


def generate(kms: Kms, key: str, context: Mapping[str, str]) -> tuple[bytes, EncryptedDataKey]:
    """A new data key under `key`: in plaintext, and as it goes into the header."""
    answer = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=dict(context))
    plaintext, ciphertext = answer["Plaintext"], answer["CiphertextBlob"]
    arn = _key_arn(answer["KeyId"])
    if arn is None or len(plaintext) != DATA_KEY or not 0 < len(ciphertext) <= 0xFFFF:
        raise UnexpectedAnswer("KMS did not answer with a data key of 32 bytes and its key's ARN")
    return plaintext, EncryptedDataKey(PROVIDER, str(arn).encode(), ciphertext)


def open_first(
    kms: Kms,
    data_keys: Sequence[EncryptedDataKey],
    context: Mapping[str, str],
    *,
    key: str | None = None,
    region: str | None = None,
) -> tuple[bytes, str]:
    """The first data key that KMS opens, and the ARN of the key that opened it.

    Raises: KeyRefused when none was opened; UnexpectedAnswer when KMS answered for another key.
    """
    only = None if key is None else _key_arn(key)
    if key is not None and only is None:
        raise KeyRefused(f"`{key}` is not a key's ARN: a message names its keys by ARN")

    causes: list[Exception] = []
    for candidate in data_keys:
        asked = _to_ask_for(candidate, only, region)
        if asked is None:
            continue
        try:
            answer = kms.decrypt(
                KeyId=str(asked),
                CiphertextBlob=candidate.ciphertext,
                EncryptionContext=dict(context),
            )
        except (ClientError, BotoCoreError) as cause:
            causes.append(cause)
            continue
        if answer["KeyId"] != str(asked) or len(answer["Plaintext"]) != DATA_KEY:
            raise UnexpectedAnswer("KMS opened the data key under another key, or as another size")
        return answer["Plaintext"], answer["KeyId"]
    if causes:
        raise KeyRefused("KMS opened none of the message's data keys", causes)
    raise KeyRefused(_nothing_to_try(data_keys, key or region))


def _to_ask_for(candidate: EncryptedDataKey, only: Arn | None, region: str | None) -> Arn | None:
    own = _key_arn(candidate.information.decode(errors="replace"))
    if candidate.provider != PROVIDER or own is None:
        return None
    wanted = only or (own if region is None else own._replace(region=region))
    if wanted == own:
        return own
    replica = own.resource.startswith("key/mrk-") and own._replace(region=wanted.region) == wanted
    return wanted if replica else None


def _key_arn(text: str) -> Arn | None:
    try:
        arn = Arn.parse(text)
    except ValueError:
        return None
    return arn if arn.service == "kms" and arn.resource.startswith("key/") else None


def _nothing_to_try(data_keys: Sequence[EncryptedDataKey], wanted: str | None) -> str:
    under = [
        _shown(candidate.information.decode(errors="replace"))
        for candidate in data_keys
        if candidate.provider == PROVIDER
    ]
    if not under:
        return "no data key of the message is under a KMS key"
    more = f" and {len(under) - _MOST_SHOWN} more" if len(under) > _MOST_SHOWN else ""
    listed = ", ".join(under[:_MOST_SHOWN])
    return f"no data key of the message is under `{wanted}`: it is under {listed}{more}"


def _shown(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"
