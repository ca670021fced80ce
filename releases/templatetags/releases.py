"""How templates show a rollout's state."""

from django import template
from django.utils.safestring import SafeString

from portal.templatetags.slipway import icon, state
from releases.models import Rollout, Step
from releases.pages import effects, words
from releases.pages.shares import share_words
from releases.pages.way import Way, way_of

register = template.Library()


@register.simple_tag
def rollout_state(rollout: Rollout) -> SafeString:
    """The rollout's phase as shape, colour and word."""
    return state(words.kind_of(rollout), words.word_of(rollout))


@register.filter
def kind(rollout: Rollout) -> str:
    """The kind of the rollout's phase: the class that gives its colour."""
    return words.kind_of(rollout)


@register.simple_tag
def rollout_icon(rollout: Rollout) -> SafeString:
    """The shape of the rollout's phase."""
    return icon(words.kind_of(rollout))


@register.simple_tag
def step_icon(step: Step) -> SafeString:
    """The shape of a step's state."""
    return icon(words.STEP_KINDS[step.state])


@register.filter
def scaler_kind(state: str) -> str:
    """The kind of an autoscaler's state."""
    return words.SCALER_KINDS[state]


@register.simple_tag
def rollout_way(rollout: Rollout) -> Way:
    """Its strategy with the settings, and what was recommended."""
    return way_of(rollout)


@register.simple_tag
def effect(rollout: Rollout, verb: str) -> str:
    """What a button does, in a sentence."""
    return effects.effect(rollout, verb)


@register.filter
def placeholder(verb: str) -> str:
    """What a comment on it is to say."""
    return effects.PLACEHOLDERS.get(verb, "")


@register.filter
def asks(rollout: Rollout) -> bool:
    """Whether it has paused to ask a person."""
    return words.asks(rollout)


@register.filter
def share(rollout: Rollout) -> str:
    """The share of the requests that its release gets, for one under way that moves them; "" for others."""
    return share_words(rollout)
