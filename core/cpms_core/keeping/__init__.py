"""Keep a site: back it up while it runs, restore it elsewhere, check that nothing is amiss."""
