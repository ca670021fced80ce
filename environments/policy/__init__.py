"""What a second person has to confirm: less strict rules, and more rights, where releases need approvals."""
