"""Reports over many cases."""
