"""The Litestar kernel: everything of the project that knows HTTP."""
