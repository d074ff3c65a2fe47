"""Code systems and their search: HPO, Orphanet, OMIM."""

from cpms_core.terminology.loading import load_terms, loaded_editions
from cpms_core.terminology.search import Hit, resolve, search

__all__ = ["Hit", "load_terms", "loaded_editions", "resolve", "search"]
