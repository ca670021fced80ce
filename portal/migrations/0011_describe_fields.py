from django.db import migrations

from portal.help_texts import DescribeFields


class Migration(migrations.Migration):

    dependencies = [('portal', '0010_last_of_a_target')]

    operations = [
        DescribeFields(
            'apitoken',
            {
                'created_at': 'When it was issued.',
                'environments': 'Names of environments that it is limited to; empty: all that the person may.',
                'expires_at': 'From then on it is refused.',
                'hash': 'Fingerprint of the token, which itself is not kept.',
                'issued_by': 'Who issued it.',
                'last_used_at': 'When it was last used; empty: never.',
                'name': 'What it is for, to tell it from others.',
                'password_stamp': 'Fingerprint of the password that it was issued under; another password ends the token.',
                'revoked_at': 'When it was revoked; empty: it was not.',
                'user': 'On whose behalf it acts.',
                'verbs': 'What it is limited to, such as request or approve; empty: all that the person may.',
            },
        ),
        DescribeFields(
            'auditentry',
            {
                'actor': 'Who did it, by the name that they had then.',
                'actor_kind': 'What acted: a person, a token, CI or the portal itself.',
                'application': 'Which application it was about; empty: about none.',
                'at': 'When it happened.',
                'data': 'Details, such as the values before and after.',
                'environment': 'Where it was done; empty: in no single environment.',
                'hash': 'Hash of this entry, which covers the one before too.',
                'number': 'Place in the history, counted up from 1.',
                'previous_hash': 'Hash of the entry before.',
                'target': 'What it was done to, by the name that it had then.',
                'target_id': 'The number or name by which that is found.',
                'target_type': 'The kind of what it was done to.',
                'verb': 'What was done.',
            },
        ),
        DescribeFields(
            'blob',
            {
                'content': 'The content, compressed and encrypted.',
                'created_at': 'When it was stored first.',
                'digest': 'SHA-256 of the content, by which it is found.',
                'size': 'Bytes before it was compressed.',
            },
        ),
        DescribeFields(
            'heartbeat',
            {
                'at': 'When it last made progress.',
                'host': 'The machine that it runs on.',
                'name': 'Which part works in the background.',
            },
        ),
        DescribeFields(
            'outgoingcall',
            {
                'attempts': 'How often it was tried.',
                'body': 'What is sent.',
                'created_at': 'When it was asked for.',
                'due_at': 'When it is tried next.',
                'headers': 'Headers, encrypted, since they can carry credentials.',
                'method': 'How it is sent: POST, or another method of HTTP.',
                'query': 'What stands after the question mark: encrypted, since it can let in whoever has it; gone once done.',
                'signer': 'The secret that each attempt is signed with, where the receiver checks signatures.',
                'state': 'Whether it waits, is done, or was given up.',
                'then': 'What the portal does next, once it is done.',
                'url': 'Where it goes, without what stands after the question mark.',
            },
        ),
        DescribeFields(
            'passwordlink',
            {
                'confirmed_at': 'When another administrator said that it reached its owner; empty: nobody has.',
                'confirmer': 'The name of who said so.',
                'issued_at': 'When it was issued.',
                'issued_by': 'Who issued it.',
                'issuer': 'The name of who issued it, as it was then.',
                'used_at': 'When a password was set by it; empty: not yet.',
                'user': 'Whose password it sets.',
            },
        ),
        DescribeFields(
            'publishedhead',
            {
                'line': 'The signed head as it was published.',
                'number': 'The newest entry that it signs for.',
                'sequence': 'Place among the signed heads, counted up from 1.',
            },
        ),
        DescribeFields(
            'serviceaccount',
            {
                'created_at': 'When the account was made.',
                'user': 'The account that the program acts as.',
            },
        ),
        DescribeFields(
            'signintally',
            {
                'failures': 'Failed tries in a row.',
                'kind': 'What is counted: an account, an address, both together, or a browser that is known.',
                'last_at': 'When the last one failed.',
            },
        ),
    ]
