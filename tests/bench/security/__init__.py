"""Figures of attacks: `./cpms bench security`, each with the seed it was made from."""
