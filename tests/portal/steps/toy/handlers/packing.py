"""Things put in and taken out."""

from portal.steps.operations import Result
from tests.portal.steps.toy.handlers import HANDLERS, Van
from tests.portal.steps.toy.operations import Pack, Unpack


@HANDLERS.handles(Pack)
def pack(van: Van, operation: Pack) -> Result:
    van.braked = False
    if operation.thing not in van.inside:
        van.inside.append(operation.thing)
    return {"place": van.inside.index(operation.thing), "said": f"the {operation.thing} rattles"}


@HANDLERS.handles(Unpack)
def unpack(van: Van, operation: Unpack) -> Result:
    van.away = False
    if operation.thing in van.inside:
        van.inside.remove(operation.thing)
    return {}
