"""The message, and the form in which it leaves the process."""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from .error import ProducerError

Channel = Literal["telegram", "whatsapp", "vk", "avito", "max"]

CREDENTIAL_FIELDS: Mapping[str, str] = {
    "telegram": "bot_token",
    "whatsapp": "profile_id",
    "vk": "group_id",
    "avito": "user_id",
    "max": "bot_id",
}


class _Required(TypedDict):
    channel: Channel
    external_chat_id: str | int


class Message(_Required, total=False):
    """The body of Contour's `POST /resolve`; None counts as absent everywhere."""

    # One of the credentials, or the fingerprint.
    bot_token: str | int | None
    profile_id: str | int | None
    group_id: str | int | None
    user_id: str | int | None
    bot_id: str | int | None
    account_fingerprint: str | None

    external_user_id: str | int | None
    client_name: str | None
    client_phone: str | int | None
    # True if the channel vouches for the phone. It matters with LINK_BY_PHONE=verified.
    phone_verified: bool | None
    client_username: str | None
    text: str | None
    # ISO 8601, or seconds or milliseconds since 1970. Without an offset it is read in DEFAULT_TIMEZONE.
    timestamp: str | int | float | None
    message_ids: Sequence[str | int] | None
    message_id: str | int | None
    trace_id: str | None
    traceparent: str | None
    media: Any
    meta: Mapping[str, Any] | None


# Contour is written in JavaScript: beyond this its numbers are not exact, and its white space
# differs from Python's `\s`.
_MAX_SAFE_INTEGER = 2**53 - 1
_WHITE_SPACE = r"\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_CREDENTIAL = re.compile(rf"[^{_WHITE_SPACE}]{{1,256}}")
# U+0000 and lone surrogates: Postgres cannot store them.
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_PLACEHOLDER = "{credential}"
# A shorter credential is a public id and not a secret. Contour applies the same rule.
_MIN_SECRET_LENGTH = 8


def fingerprint_of(credential: str | int) -> str:
    """Lower-case hex SHA-256 of the credential. It identifies the account."""
    return hashlib.sha256(str(credential).encode()).hexdigest()


def shard_of(channel: str, external_chat_id: str | int, shards: int) -> int:
    """The shard of a chat. It is always the same, which keeps the chat's messages in order."""
    return zlib.crc32(f"{channel}:{external_chat_id}".encode()) % shards


def body_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message as it leaves the process: with the fingerprint in place of the credential."""
    channel = message.get("channel")
    if not isinstance(channel, str) or channel not in CREDENTIAL_FIELDS:
        raise _invalid("channel", f"must be one of {', '.join(CREDENTIAL_FIELDS)}")
    chat = _text_of(message.get("external_chat_id"))
    if chat is None or not 1 <= len(chat) <= 256:
        raise _invalid("external_chat_id", "must be 1 to 256 characters or a safe integer")
    fingerprint, credential = _account_of(message, channel)
    known = Message.__annotations__.keys() - CREDENTIAL_FIELDS.values() - {"account_fingerprint"}
    body = {key: value for key, value in message.items() if key in known}
    body["account_fingerprint"] = fingerprint
    if credential is not None and _length_of(credential) >= _MIN_SECRET_LENGTH:
        try:
            for field in body.keys() & {"media", "meta"}:
                body[field] = _without(body[field], credential)
        except RecursionError:
            raise ProducerError("invalid", "the message is nested too deeply") from None
    return body


def _without(value: Any, credential: str) -> Any:
    """The value without the credential in texts, keys and numbers, as Contour does it over HTTP."""
    if isinstance(value, str):
        return value.replace(credential, _PLACEHOLDER)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _PLACEHOLDER if str(value) == credential else value
    if isinstance(value, Mapping):
        return {_without_in_key(key, credential): _without(v, credential) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without(item, credential) for item in value]
    return value


def _without_in_key(key: Any, credential: str) -> Any:
    return key.replace(credential, _PLACEHOLDER) if isinstance(key, str) else key


def json_of(body: Mapping[str, Any]) -> bytes:
    """The body as JSON in UTF-8. Raises `invalid` if it cannot be written so."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        # The text of the original error would quote the message.
        raise ProducerError("invalid", "the message cannot be written as JSON in UTF-8") from None


def _account_of(message: Mapping[str, Any], channel: str) -> tuple[str, str | None]:
    own_field = CREDENTIAL_FIELDS[channel]
    for field in CREDENTIAL_FIELDS.values():
        if field != own_field and message.get(field) is not None:
            raise _invalid(field, f"is not a field of {channel}, whose own is {own_field}")

    given, fingerprint = message.get(own_field), message.get("account_fingerprint")
    if given is None and fingerprint is None:
        raise _invalid(own_field, "is required, or account_fingerprint instead")
    if fingerprint is not None and not (
        isinstance(fingerprint, str) and _FINGERPRINT.fullmatch(fingerprint)
    ):
        raise _invalid("account_fingerprint", "must be a lower-case hex SHA-256")
    if given is None:
        return str(fingerprint), None

    credential = _text_of(given)
    if credential is None or not _CREDENTIAL.fullmatch(credential):
        rule = "must be 1 to 256 characters without white space, or a safe integer"
        raise _invalid(own_field, rule)
    if fingerprint not in (None, fingerprint_of(credential)):
        raise _invalid("account_fingerprint", f"does not belong to {own_field}")
    return fingerprint_of(credential), credential


def _text_of(value: object) -> str | None:
    """A string, or the decimal text of a number; None for any other value. True is not a number."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_SAFE_INTEGER:
        return str(value)
    if not isinstance(value, str) or _UNREADABLE.search(value):
        return None
    return value


def _length_of(text: str) -> int:
    """The length in JavaScript, where an emoji counts as two."""
    return len(text.encode("utf-16-le")) // 2


def _invalid(path: str, rule: str) -> ProducerError:
    return ProducerError("invalid", f"{path} {rule}")
