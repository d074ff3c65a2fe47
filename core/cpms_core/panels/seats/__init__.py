"""Who sits on a panel: invited, reminded, replaced."""
