"""ERN ITHACA: its network declaration and its datasets."""
