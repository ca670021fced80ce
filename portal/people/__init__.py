"""Accounts: who has a vote, service accounts, passwords that their owners set, and the door they sign in by."""
