"""The API as one: its sign-in and its parts."""

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.security import HttpBearer

from portal import tokens
from portal.actors import Actor
from releases.api import audit, environments, problems, release_requests, releases, rollouts
from releases.api.given import StrictParser, only_known_parameters


class Bearer(HttpBearer):
    """A token of portal.tokens; request.auth is its actor."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:  # noqa: ARG002
        return tokens.authenticate(token)


api = NinjaAPI(title="Slipway", version="1", auth=Bearer(), docs_url=None, urls_namespace="api", parser=StrictParser())
api.add_decorator(only_known_parameters)
api.add_router("", releases.router)
api.add_router("", release_requests.router)
api.add_router("", rollouts.router)
api.add_router("", environments.router)
api.add_router("", audit.router)
problems.register(api)
