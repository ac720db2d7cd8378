"""The base of all tables of settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from simsmtp.errors import InputError


class Table(BaseModel):
    """A frozen table of settings in which an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            copied = 'scenario.replace("client.batch_size", 50) or the like, which returns a changed copy'
            raise InputError("cannot be changed in place", key=name, given=value, allowed=copied)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise InputError("cannot be deleted", key=name)

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.is_required() or value != field.get_default(call_default_factory=True):
                yield name, value

    def __str__(self) -> str:
        return repr(self)

    def __dir__(self) -> list[str]:
        own = {name for base in type(self).__mro__ if issubclass(base, Table) for name in vars(base)}
        return sorted({*type(self).model_fields, *(one for one in own if not one.startswith(("_", "model_")))})
