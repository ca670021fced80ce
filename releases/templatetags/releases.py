"""How templates show a rollout's state."""

from django import template
from django.utils.safestring import SafeString

from portal.templatetags.slipway import icon, state
from releases.models import Rollout, Step
from releases.pages import words

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
