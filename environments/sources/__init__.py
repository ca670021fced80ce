"""Charts and kustomizations: fetched, and rendered to the files of a bundle by helm and kustomize.

Neither program gets a network, a home, a plugin or another's environment; what comes from elsewhere is fetched here,
by a session that is handed in.
"""

from environments.sources.base import FetchLater, Made, RenderPlace, SourceFetcher, Tools
from environments.sources.making import is_source, made_of

__all__ = ["FetchLater", "Made", "RenderPlace", "SourceFetcher", "Tools", "is_source", "made_of"]
