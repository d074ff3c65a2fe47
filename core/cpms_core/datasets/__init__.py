"""A form from a Struct: fields, reading what was typed, showing, comparing, counting.

Pure: nothing here reads or writes the store. Pages and services use `records` and `fields`.
"""
