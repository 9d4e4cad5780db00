"""What a file holds, told without reading it: attributes and arrays by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ptyxr.errors import ExternalDataError, InvalidDataError
from ptyxr.storage.arrays import StoredArray

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["Member", "StoredGroup"]


class Member(StoredArray):
    """An array in a file, with its attributes.

    Attributes
    ----------
    attrs : dict
        Its attributes.
    encoding : dict
        How it is stored, in the words of xarray.
    """

    attrs: dict[str, Any]
    encoding: dict[str, Any]


@dataclass
class StoredGroup:
    """What a group holds: attributes, arrays (lazy), names of the rest, and what is bad in it."""

    file: str
    path: str
    attrs: dict[str, Any]
    arrays: dict[str, Member] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    bad: dict[str, InvalidDataError] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """The names of all members, sound or not."""
        return {*self.arrays, *self.groups, *self.others, *self.bad}

    def check(self, known: Container[str]) -> None:
        """Refuse a member that leads out of the file, or a bad one that is needed.

        Parameters
        ----------
        known : container of str
            The names that are needed.

        Raises
        ------
        InvalidDataError
            The first that was found.
        """
        for key, error in self.bad.items():
            if key in known or isinstance(error, ExternalDataError):
                raise error
