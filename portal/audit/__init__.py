"""The history: append-only, hash-chained, written in the transaction of what it tells."""

from portal.audit.export import Export, trouble_ahead, write_export
from portal.audit.heads import Head, HistoryBroken, current_head
from portal.audit.log import record
from portal.audit.publishing import begin_anew, keep_publishing, publish_head, trouble
from portal.audit.tails import put_triggers_back
from portal.audit.verify import Verification, also_verified, how_far, verify, verify_newest

__all__ = [
    "Export",
    "Head",
    "HistoryBroken",
    "Verification",
    "also_verified",
    "begin_anew",
    "current_head",
    "how_far",
    "keep_publishing",
    "publish_head",
    "put_triggers_back",
    "record",
    "trouble",
    "trouble_ahead",
    "verify",
    "verify_newest",
    "write_export",
]
