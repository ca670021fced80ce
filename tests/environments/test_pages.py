"""What the environments' pages say of a cluster."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from environments.models import Cluster, Environment

pytestmark = pytest.mark.django_db
STATES = [
    ("open", "live", "Does not answer"),
    ("half-open", "reconnecting", "Being tried again"),
    ("closed", "live", "Watched"),
    ("closed", "polling", "Polled"),
    ("closed", "reconnecting", "Reconnecting"),
    ("closed", "", "Not watched"),
]


@pytest.mark.parametrize(("breaker", "watch", "words"), STATES)
@pytest.mark.parametrize("page", ["/environments", "/environments/dev"])
def test_a_cluster_s_state_is_told(client: Client, page: str, breaker: str, watch: str, words: str) -> None:
    cluster = Cluster.objects.create(name="main", breaker=breaker, watch=watch)
    Environment.objects.create(name="dev", cluster=cluster)
    client.force_login(User.objects.create_superuser("root"))
    told = client.get(page).content.decode()
    assert [words for _, _, words in STATES if words in told] == [words]
