"""The canonical document that an approval is bound to: its parts, its risks, its secrets, and its way back."""
