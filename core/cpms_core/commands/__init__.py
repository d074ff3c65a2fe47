"""What the `cpms` program can do; each module adds its subcommands."""

import argparse
from typing import TypeAlias

# argparse gives this class no public name, and what add_subparsers() returns is one.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - as above
Options: TypeAlias = argparse.Namespace
