"""
The header fields of a request, for what reads nothing else of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class Fields:
    """
    Stands in for a request.

    :param lines: names in lower case, with values.
    """

    lines: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def of(cls, *lines: tuple[str, str]) -> Fields:
        """
        Make them of texts.
        """
        return cls(tuple((name.lower().encode(), value.encode("latin-1")) for name, value in lines))

    def header(self, name: bytes) -> bytes | None:
        """
        The last value of a field.
        """
        values = self.headers(name)
        return values[-1] if values else None

    def headers(self, name: bytes) -> Sequence[bytes]:
        """
        All values of a field.
        """
        return [value for known, value in self.lines if known == name]
