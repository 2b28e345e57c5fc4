"""What the service records of what it does by itself.

    DeleteKey, RotateKey, DeleteExpiredKeyMaterial   a key's time has come, or a rotation was asked for
    SynchronizeMultiRegionKey                        what a primary key shares with its replicas has changed

Source: AWS KMS Developer Guide, "Examples of AWS KMS log entries".
"""

import json
import time
from collections.abc import Callable

from strongroom.audit import event
from strongroom.audit.event import Kind, Recorder
from strongroom.audit.identifiers import event_of
from strongroom.jobs import Done
from strongroom.keys.key import Key
from strongroom.keys.rotation import RotationType
from strongroom.main.recording import resources, with_key
from strongroom.services.call import Call

_SOURCE = "kms.amazonaws.com"
_ITSELF = "AWS Internal"


def _of_service(name: str) -> Kind:
    return Kind(_SOURCE, name, read_only=False, event_type="AwsServiceEvent")


_DELETED = _of_service("DeleteKey")
_ROTATED = _of_service("RotateKey")
_EXPIRED = _of_service("DeleteExpiredKeyMaterial")
_SYNCHRONIZED = Kind(_SOURCE, "SynchronizeMultiRegionKey", read_only=False)


class ServiceEvents:
    """Makes the records; one for each worker, to be used on the loop's thread."""

    def __init__(self, append: Callable[[bytes], None], new_id: Callable[[], str]) -> None:
        self._append = append
        self._new_id = new_id
        self._record = Recorder().record

    def of_jobs(self, done: Done) -> None:
        for key in done.deleted:
            self._own(_DELETED, key, {"keyId": key.id})
        for key in done.rotated:
            before = list(key.materials)[-2]
            self._rotated(key, RotationType.AUTOMATIC, before, key.current_id)
        for key, gone in done.expired:
            self._own(_EXPIRED, key, {"keyId": key.id, "keyMaterialId": gone.material_id.hex()})

    def of_call(self, call: Call) -> None:
        """Of one that succeeded."""
        if call.rotated is not None:
            key, current = call.rotated
            self._rotated(key, RotationType.ON_DEMAND, key.current_id, current)
        elif call.shared is not None:
            self._synchronized(call.shared)

    def _rotated(self, key: Key, by: RotationType, before: bytes, current: bytes) -> None:
        details = {
            "keyId": key.id,
            "rotationType": by.value,
            "keyOrigin": key.origin.value,
            "previousKeyMaterialId": before.hex(),
            "currentKeyMaterialId": current.hex(),
        }
        self._own(_ROTATED, key, details)
        self._synchronized(key)

    def _synchronized(self, primary: Key) -> None:
        if primary.has_replicas:
            self._own(_SYNCHRONIZED, primary, None)

    def _own(self, kind: Kind, key: Key, details: dict[str, str] | None) -> None:
        identifier = self._new_id()
        record = self._record(
            kind,
            event.internal(key.account),
            at=time.time(),
            region=key.region,
            source_ip=_ITSELF,
            user_agent=_ITSELF.encode(),
            request_id=identifier,
            event_id=event_of(identifier),
            account=key.account,
            response=with_key(b"null", key.arn) if details is None else b"null",
            resources=resources([key.arn]),
            service_details=b"" if details is None else _json(details),
        )
        self._append(record)


def _json(details: dict[str, str]) -> bytes:
    return json.dumps(details, separators=(",", ":")).encode()
