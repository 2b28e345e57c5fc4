"""A plaintext for whoever has the private key: CMS EnvelopedData, in the very form that KMS gives it.

    ContentInfo  enveloped-data
      EnvelopedData 2
        KeyTransRecipientInfo 2   [0] key identifier, RSAES-OAEP with SHA-256, the encrypted key
        EncryptedContentInfo      data, AES-256-CBC with its IV, [0] the ciphertext

Written here, since no library writes what clients of KMS read: the outer levels are of indefinite
length, as Bouncy Castle streams them, and the SDK for enclaves skips heads, not whole values.  CBC tells whether
it was changed no more than AWS's does; who relies on the answer has a channel of its own.

Source: RFC 5652, sections 3 and 6; RFC 4055; cms_test.c of aws-nitro-enclaves-sdk-c.
"""

import os
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_INTEGER, _OCTETS, _SEQUENCE, _SET = 0x02, 0x04, 0x30, 0x31
_KEY_IDENTIFIER, _CONTENT = 0x80, 0xA0  # [0]
_INDEFINITE, _END = b"\x80", b"\x00\x00"
_BLOCK = 16  # bytes


def _object_identifier(hexadecimal: str) -> bytes:
    return b"\x06\x09" + bytes.fromhex(hexadecimal)


_ENVELOPED_DATA = _object_identifier("2a864886f70d010703")
_DATA = _object_identifier("2a864886f70d010701")
_RSAES_OAEP = _object_identifier("2a864886f70d010107")
_MGF1 = _object_identifier("2a864886f70d010108")
_SHA256 = _object_identifier("608648016503040201")
_AES256_CBC = _object_identifier("60864801650304012a")

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def sealed(key: RSAPublicKey, plaintext: bytes) -> bytes:
    """`plaintext` for the owner of `key`."""
    content_key, iv = os.urandom(32), os.urandom(_BLOCK)
    padder = PKCS7(8 * _BLOCK).padder()
    encryptor = Cipher(AES256(content_key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padder.update(plaintext) + padder.finalize())
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return enveloped(
        sha256(spki).digest(),
        key.encrypt(content_key, _OAEP),
        iv,
        ciphertext + encryptor.finalize(),
    )


def enveloped(identifier: bytes, encrypted_key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The four of them, framed."""
    recipient = _definite(
        _SEQUENCE,
        _definite(_INTEGER, b"\x02"),
        _definite(_KEY_IDENTIFIER, identifier),
        _definite(_SEQUENCE, _RSAES_OAEP, _OAEP_PARAMETERS),
        _definite(_OCTETS, encrypted_key),
    )
    content = _indefinite(
        _SEQUENCE,
        _DATA,
        _definite(_SEQUENCE, _AES256_CBC, _definite(_OCTETS, iv)),
        _indefinite(_CONTENT, _definite(_OCTETS, ciphertext)),
    )
    data = _indefinite(_SEQUENCE, _definite(_INTEGER, b"\x02"), _definite(_SET, recipient), content)
    return _indefinite(_SEQUENCE, _ENVELOPED_DATA, _indefinite(_CONTENT, data))


def _definite(tag: int, *parts: bytes) -> bytes:
    whole = b"".join(parts)
    size = len(whole)
    if size < 0x80:
        return bytes((tag, size)) + whole
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + whole


def _indefinite(tag: int, *parts: bytes) -> bytes:
    return bytes((tag,)) + _INDEFINITE + b"".join(parts) + _END


_HASH = _definite(_SEQUENCE, _SHA256, b"\x05\x00")
_OAEP_PARAMETERS = _definite(
    _SEQUENCE,
    _definite(0xA0, _HASH),
    _definite(0xA1, _definite(_SEQUENCE, _MGF1, _HASH)),
)
