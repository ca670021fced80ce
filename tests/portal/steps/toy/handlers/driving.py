"""The van looked at, weighed, held and sent off."""

from portal.steps.operations import Result
from tests.portal.steps.toy.handlers import HANDLERS, Van
from tests.portal.steps.toy.operations import Brake, Glance, SendOff, Weigh


@HANDLERS.handles(Glance)
def glance(_van: Van, operation: Glance) -> Result:
    return {"seen": f"the {operation.thing} is free"}


@HANDLERS.handles(Weigh)
def weigh(van: Van, operation: Weigh) -> Result:
    return {"kilograms": van.kilograms, "at": operation.at}


@HANDLERS.handles(Brake)
def brake(van: Van, _operation: Brake) -> Result:
    van.braked = True
    return {}


@HANDLERS.handles(SendOff)
def send_off(van: Van, _operation: SendOff) -> Result:
    van.away = True
    return {}
