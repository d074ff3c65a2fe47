"""What a consultation costs: each module measures one promise of it."""
