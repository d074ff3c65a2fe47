"""A letter as a value: the page and the print show the same one."""

from datetime import date

from msgspec import Struct


class Item(Struct, frozen=True, kw_only=True):
    text: str
    notes: tuple[str, ...] = ()


class Part(Struct, frozen=True, kw_only=True):
    heading: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    is_numbered: bool = False


class Letter(Struct, frozen=True, kw_only=True):
    kind: str
    """referrer, family."""
    language: str
    title: str
    from_whom: str
    to_whom: str
    on: date
    about: str
    warning: str
    """That a newer outcome holds; empty if this one does."""
    greeting: str
    parts: tuple[Part, ...]
    closing: str
    signed: tuple[str, ...]
    """The signer's name and what stands below it."""
    footer: str
