"""Which strategy the kind of a change asks for (11.4.4 of the platform's architecture): advice, with its reason."""

from releases.recommending.table import Recommendation, Traits, recommend
from releases.recommending.traits import traits_of

__all__ = ["Recommendation", "Traits", "recommend", "traits_of"]
