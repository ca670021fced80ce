"""Rows whose encrypted values are bound to their number."""

from typing import Any, ClassVar

from django.db import models, router, transaction

from portal.encryption import PENDING, Ciphertext, encrypted_fields


class RowBound(models.Model):
    """A model with encrypted fields: a new row is stored first, and then, its number known, its values."""

    binds_values: ClassVar[bool] = True

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """As Django's; both steps are one transaction."""
        stored = {each.attname: self.__dict__.get(each.attname) for each in encrypted_fields(type(self))}
        values = {name: value for name, value in stored.items() if not isinstance(value, Ciphertext | None)}
        if self.pk is None and values:
            self._save_new(values, options)
        else:
            super().save(**options)

    def _save_new(self, values: dict[str, Any], options: dict[str, Any]) -> None:
        with transaction.atomic(using=options.get("using") or router.db_for_write(type(self), instance=self)):
            self.__dict__.update(dict.fromkeys(values, PENDING))
            try:
                super().save(**options)
            finally:
                self.__dict__.update(values)
            super().save(update_fields=list(values), using=self._state.db)
