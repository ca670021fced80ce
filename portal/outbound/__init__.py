"""The one way out: every call to something that is no Kubernetes API. Guarded, with limits on time and size.

`calls` keeps those that are made later, and again until they are done.
"""

from common.urls import shown
from portal.outbound.adapter import Reads, authorities_fault
from portal.outbound.faults import OutboundFailed, OutboundFault, OutboundRefused
from portal.outbound.reach import Reach
from portal.outbound.session import OutboundAnswer, Session, call

__all__ = [
    "OutboundAnswer",
    "OutboundFailed",
    "OutboundFault",
    "OutboundRefused",
    "Reach",
    "Reads",
    "Session",
    "authorities_fault",
    "call",
    "shown",
]
