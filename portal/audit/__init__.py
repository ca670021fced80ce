"""The history: append-only, hash-chained, written in the transaction of what it tells."""

from portal.audit.export import export_lines, write_export
from portal.audit.heads import Head, current_head, publish_head
from portal.audit.log import record
from portal.audit.verify import Verification, verify

__all__ = ["Head", "Verification", "current_head", "export_lines", "publish_head", "record", "verify", "write_export"]
