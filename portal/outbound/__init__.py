"""Calls to other people's servers, at addresses that people or webhooks gave: guarded, small, short, retried."""

from portal.outbound.calls import deliver, deliver_due, enqueue
from portal.outbound.http import Answer, OutboundFailed, OutboundRefused, call

__all__ = ["Answer", "OutboundFailed", "OutboundRefused", "call", "deliver", "deliver_due", "enqueue"]
