"""How templates show a rollout's state."""

from django import template
from django.utils.safestring import SafeString

from portal.templatetags.slipway import icon, state
from releases.models import Rollout, Step
from releases.pages import labels, verb_help
from releases.pages.strategy_summary import StrategySummary, way_of
from releases.pages.traffic_shares import share_words

register = template.Library()


@register.simple_tag
def rollout_state(rollout: Rollout) -> SafeString:
    """The rollout's phase as shape, colour and word."""
    return state(labels.kind_of(rollout), labels.word_of(rollout))


@register.filter
def kind(rollout: Rollout) -> str:
    """The kind of the rollout's phase: the class that gives its colour."""
    return labels.kind_of(rollout)


@register.simple_tag
def rollout_icon(rollout: Rollout) -> SafeString:
    """The shape of the rollout's phase."""
    return icon(labels.kind_of(rollout))


@register.simple_tag
def step_icon(step: Step) -> SafeString:
    """The shape of a step's state."""
    return icon(labels.STEP_KINDS[step.state])


@register.filter
def scaler_kind(state: str) -> str:
    """The kind of an autoscaler's state."""
    return labels.SCALER_KINDS[state]


@register.simple_tag
def rollout_way(rollout: Rollout) -> StrategySummary:
    """Its strategy with the settings, and what was recommended."""
    return way_of(rollout)


@register.simple_tag
def effect(rollout: Rollout, verb: str) -> str:
    """What a button does, in a sentence."""
    return verb_help.effect(rollout, verb)


@register.filter
def placeholder(verb: str) -> str:
    """What a comment on it is to say."""
    return verb_help.PLACEHOLDERS.get(verb, "")


@register.filter
def asks(rollout: Rollout) -> bool:
    """Whether it has paused to ask a person."""
    return labels.asks(rollout)


@register.filter
def share(rollout: Rollout) -> str:
    """The share of the requests that its release gets, for one under way that moves them; "" for others."""
    return share_words(rollout)
