"""Puts batches of chat messages straight into Contour's Redis."""

from .error import ProducerError
from .message import Channel, Message, fingerprint_of, shard_of
from .producer import Producer

__all__ = ["Channel", "Message", "Producer", "ProducerError", "fingerprint_of", "shard_of"]
