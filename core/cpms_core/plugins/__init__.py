"""Find, check, load and watch plugins: from `plugins.toml` to one immutable registry."""
