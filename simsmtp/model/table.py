"""The base of all tables of settings."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from simsmtp.errors import InputError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class TableType(ModelMetaclass):
    """The type of all tables, which shows of a class what is meant to be used."""

    def __dir__(self) -> list[str]:
        own = {name for base in self.__mro__ if issubclass(base, Table) for name in vars(base)}
        return sorted(name for name in own if not name.startswith(("_", "model_")))


class Table(BaseModel, metaclass=TableType):
    """A frozen table of settings in which an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Show names and defaults in the signature, without the ranges that stand behind their types."""
        named = [(name, _default(field)) for name, field in cls.model_fields.items()]
        cls.__signature__ = Signature([Parameter(name, Parameter.KEYWORD_ONLY, default=one) for name, one in named])

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
        return sorted({*type(self).model_fields, *dir(type(self))})


def _default(field: FieldInfo) -> Any:
    return Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
