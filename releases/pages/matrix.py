"""What runs where, what is in flight, and what needs this person."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from environments.access import permitted, visible
from portal.actors import Actor
from portal.pages import render_live
from portal.roles import Verb
from releases.models import Rollout
from releases.pages.labels import kind_of, word_of
from releases.queries import Matrix, matrix, needs_approval_of
from releases.states import Phase


@dataclass(frozen=True)
class RolloutCard:
    """A card above the matrix: something that needs this person, or that everybody should see."""

    kind: str
    word: str
    rollout: Rollout
    why: str


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """The first page: answers in five seconds what runs where, what needs me and what is broken."""
    actor = Actor.of(request.user)
    table = matrix(visible(actor))
    requestable = {place.pk for place in permitted(actor, Verb.REQUEST)}
    context = {"page": "matrix", "matrix": table, "asks": asks(table, actor), "requestable": requestable}
    return render_live(request, "matrix.html", context)


def asks(table: Matrix, actor: Actor) -> list[RolloutCard]:
    """What waits for this person first, then what failed, then what moves."""
    mine = [RolloutCard("ask", "Waits for you", rollout, rollout.why) for rollout in needs_approval_of(actor)]
    known = {ask.rollout.pk for ask in mine}
    flights = [cell.flight for row in table.rows for cell in row.cells if cell.flight and cell.flight.pk not in known]
    order = {"bad": 0, "ask": 1, "run": 2, "hold": 3, "back": 4, "idle": 5}
    others = [
        RolloutCard(kind_of(flight), word_of(flight), flight, flight.why) for flight in flights if _counts(flight)
    ]
    return mine + sorted(others, key=lambda ask: (order[ask.kind], -ask.rollout.pk))


def _counts(flight: Rollout) -> bool:
    return Phase(flight.phase) not in {Phase.ROLLED_BACK, Phase.AWAITING_APPROVAL}
