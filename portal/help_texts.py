"""Help texts in migrations. Django's own operation makes every table's model anew for each, which took seconds."""

from collections.abc import Mapping
from typing import Any

from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class DescribeFields(Operation):
    """Sets the help texts of a model's fields; nothing of it is in the database."""

    reduces_to_sql = False

    def __init__(self, model_name: str, texts: Mapping[str, str]) -> None:
        self.model_name, self.texts = model_name, texts

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        fields = state.models[app_label, self.model_name.lower()].fields
        for name, text in self.texts.items():
            fields[name] = fields[name].clone()
            fields[name].help_text = text

    def database_forwards(self, *_: Any) -> None:
        pass

    def database_backwards(self, *_: Any) -> None:
        pass

    def describe(self) -> str:
        return f"Describe fields of {self.model_name}"
