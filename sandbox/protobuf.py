"""Protobuf bodies, which kubectl's typed commands send: decoded to the same objects as JSON. Pure.

Numbers of the fields come with the recorded schema; types are those of the schema.
"""

import base64
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from kube_schema import SchemaNode, recorded
from sandbox.store import Object

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_KEPT_ZEROS = ("replicas",)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """A body that is no message of a known kind."""


def decoded(body: bytes) -> Object:
    """The object in an envelope "k8s\\0"; raises Malformed."""
    if not body.startswith(_MAGIC):
        raise Malformed("provided data does not appear to be a protobuf message")
    try:
        envelope = dict(_fields(body[4:]))
        meta = dict(_fields(envelope[1]))
        version, kind = meta.get(1, b"").decode(), meta[2].decode()
        named = "v1" if kind == "DeleteOptions" else version
        root = recorded().root(named, kind)
        if root is None:
            raise Malformed(f"no kind {kind} is known in {version}")
        return {"apiVersion": version, "kind": kind, **_message(envelope.get(2, b""), root)}
    except (KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise Malformed(f"the message cannot be read: {error!r}") from error


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a message's parts: an int, or the bytes of whatever has a length."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        form = tag & 7
        value: int | bytes
        if form == _VARINT:
            value, place = _varint(data, place)
        elif form == _BYTES:
            length, place = _varint(data, place)
            value, place = data[place : place + length], place + length
        elif form in (_FIXED64, _FIXED32):
            size = 8 if form == _FIXED64 else 4
            value, place = data[place : place + size], place + size
        else:
            raise Malformed(f"wire type {form}")
        yield tag >> 3, value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _message(data: bytes, kind: SchemaNode, numbers: dict[str, Any] | None = None) -> Object:
    numbers = kind.raw.get("x-numbers", {}) if numbers is None else numbers
    found: Object = {}
    for number, value in _fields(data):
        name = numbers.get(str(number))
        if isinstance(name, dict):
            found |= _message(value, kind, name)
        elif name is not None:
            _put(found, name, value, kind.children[name])
    return found


def _put(found: Object, name: str, value: Any, kind: SchemaNode) -> None:
    if kind.type == "list" and kind.item is not None:
        found.setdefault(name, []).append(_value(value, kind.item))
    elif kind.type == "map" and kind.item is not None:
        entry = dict(_fields(value))
        found.setdefault(name, {})[entry.get(1, b"").decode()] = _value(entry.get(2, b""), kind.item)
    else:
        read = _value(value, kind)
        if read not in ("", 0, False, None) or name in _KEPT_ZEROS:
            found[name] = read


def _value(value: Any, kind: SchemaNode) -> Any:
    match kind.type:
        case "struct":
            return _message(value, kind)
        case "boolean":
            return bool(value)
        case "integer":
            return value - (1 << 64) if value >= 1 << 63 else value
        case "number":
            return struct.unpack("<d", value)[0]
        case "quantity":
            return dict(_fields(value)).get(1, b"0").decode()
        case "int-or-string":
            parts = dict(_fields(value))
            return parts.get(3, b"").decode() if parts.get(1) else parts.get(2, 0)
        case "any":
            return json.loads(dict(_fields(value)).get(1) or b"null")
    return _text(value, kind)


def _text(value: bytes, kind: SchemaNode) -> str:
    if kind.format == "byte":
        return base64.b64encode(value).decode()
    if kind.format == "date-time":
        return _time(value, micro=kind.name.endswith("MicroTime"))
    return value.decode()


def _time(value: bytes, *, micro: bool) -> str:
    parts = dict(_fields(value))
    if not parts.get(1):
        return ""
    moment = datetime.fromtimestamp(parts[1], UTC) + timedelta(microseconds=parts.get(2, 0) // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
