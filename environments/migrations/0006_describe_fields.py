from django.db import migrations

from portal.help_texts import DescribeFields


class Migration(migrations.Migration):

    dependencies = [('environments', '0005_policy_changes')]

    operations = [
        DescribeFields(
            'cluster',
            {
                'access': 'How it is reached, with its credential; encrypted, never shown.',
                'breaker': 'Whether it is called: closed: yes; open: not for now; half-open: it is tried again.',
                'created_at': 'When it was connected.',
                'name': 'A short name, as environments and the command line have it.',
                'server': 'The address of its API.',
                'state_since': "When the breaker's state was noted.",
                'trouble': 'What is wrong with it, in words; empty: nothing is known.',
                'watch': 'How changes become known: live, reconnecting or polling; empty: not watched.',
                'watched_by': 'The machine that watches it for all others.',
                'watched_until': 'Until when that machine has the watch, unless it renews it.',
            },
        ),
        DescribeFields(
            'configurationentry',
            {
                'environment': 'Where it counts.',
                'key': 'The entry of the ConfigMap, or the name of the placeholder.',
                'updated_at': 'When it was last changed.',
                'value': 'What it is there; encrypted.',
            },
        ),
        DescribeFields(
            'environment',
            {
                'access_policy': 'From where it can be reached.',
                'cluster': 'Where its applications run.',
                'data_policy': 'Which data it may hold, in a few words.',
                'monitoring': 'How it is monitored, in a few words.',
                'name': 'A short name, as addresses and the command line have it: dev, prod.',
                'purpose': 'What it is for, in a few words.',
                'required_approvals': 'How many people have to approve a plan; with 0 it needs nobody.',
                'resources': 'What it has in processors, memory and disks, in a few words.',
                'rollback_needs_approval': 'Going back to an earlier release takes approvals too.',
                'start_when_approved': 'Start by itself once enough people have approved; otherwise a person starts it.',
                'title': 'A longer name for people.',
            },
        ),
        DescribeFields(
            'grant',
            {
                'environment': 'Where the role is given.',
                'group': 'The group whose members have it; empty where a person does.',
                'role': 'What it allows.',
                'user': 'The person who has it; empty where a group does.',
            },
        ),
        DescribeFields(
            'policychange',
            {
                'asked_at': 'When it was asked for.',
                'asked_by': 'The name of who asked for it, as it was then.',
                'asker': 'Who asked for it.',
                'decided_at': 'When that was.',
                'decided_by': 'The name of who confirmed or declined it.',
                'environment': 'Where it counts; empty: in more than one environment.',
                'expires_at': 'From then on nobody can confirm it.',
                'fields': 'What is to be changed, each with its value before and after.',
                'kind': 'What kind of thing is to be changed: the rules of an environment, a grant, or rights.',
                'state': 'Whether it waits, was confirmed or declined, has expired, or no longer fits.',
                'target': 'The number by which that is found.',
                'why': 'Why it was declined, or is void.',
                'words': 'The same, as people read it.',
            },
        ),
        DescribeFields(
            'registryaccount',
            {
                'password': 'The password or token; encrypted, never shown.',
                'username': 'The name to sign in with.',
            },
        ),
        DescribeFields(
            'workload',
            {
                'autoscaling': 'What the autoscalers that point at it say.',
                'cluster': 'Where it runs.',
                'deleted': 'It is no longer there.',
                'generation': 'Counts the changes of what it is to be.',
                'kind': 'Its kind in Kubernetes, such as Deployment.',
                'name': 'Its name.',
                'namespace': 'Its namespace.',
                'object': 'What of the object counts for rollouts and screens.',
                'resource_version': 'The version of the object that was last seen.',
                'seen_at': 'When it was last heard of.',
                'uid': 'Tells it from an earlier one of the same name.',
            },
        ),
    ]
