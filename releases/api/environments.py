"""Environments, and what runs where."""

from django.http import HttpRequest
from ninja import Router

from environments.access import visible
from environments.models import Environment
from releases.api import rollouts
from releases.api.releases import actor_of
from releases.api.shapes import CellOut, EnvironmentOut, RowOut
from releases.queries import Cell, MatrixRow, matrix

router = Router(tags=["environments"])


@router.get("/environments", response=list[EnvironmentOut])
def list_environments(request: HttpRequest) -> list[EnvironmentOut]:
    """The environments that the token may see, in their order of promotion."""
    return [_environment(environment) for environment in visible(actor_of(request))]


@router.get("/matrix", response=list[RowOut])
def get_matrix(request: HttpRequest) -> list[RowOut]:
    """What runs where."""
    return [_row(row) for row in matrix(visible(actor_of(request))).rows]


def _environment(environment: Environment) -> EnvironmentOut:
    return EnvironmentOut(
        name=environment.name,
        title=environment.title,
        order=environment.order,
        cluster=environment.cluster.name,
        breaker=environment.cluster.breaker,
        watch=environment.cluster.watch,
        namespace=environment.namespace,
        required_approvals=environment.required_approvals,
        access_policy=environment.access_policy,
        prometheus=environment.prometheus,
        purpose=environment.purpose,
    )


def _row(row: MatrixRow) -> RowOut:
    return RowOut(
        application=row.application.name,
        latest=row.latest.version if row.latest else None,
        environments=[_cell(cell) for cell in row.cells],
    )


def _cell(cell: Cell) -> CellOut:
    return CellOut(
        environment=cell.environment.name,
        live=cell.live.release.version if cell.live else None,
        rollout=cell.live.pk if cell.live else None,
        between=cell.between.pk if cell.between else None,
        since=cell.since,
        behind=cell.behind,
        in_flight=rollouts.shown(cell.flight) if cell.flight else None,
    )
