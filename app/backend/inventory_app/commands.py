"""Commands for `flask --app inventory_app`."""

from __future__ import annotations

import sys

import click
from flask import Flask

from .accounts import AccountError, create_user
from .database import create_tables
from .items import DuplicateSku, create_item
from .validation import ItemInput

SAMPLES = (
    ItemInput("CBL-USBC-1M", "USB-C cable, 1 m", "Braided, 60 W.", "A-01", 148, 40),
    ItemInput("CBL-HDMI-2M", "HDMI cable, 2 m", "", "A-02", 23, 25),
    ItemInput("KBD-ISO-75", "Keyboard, ISO 75 %", "Hot-swap switches.", "B-04", 17, 10),
    ItemInput("MON-27-4K", "Monitor 27 inch, 4K", "Height adjustable stand.", "D-11", 6, 8),
    ItemInput("HUB-USB-7P", "USB hub, 7 ports", "", "A-09", 0, 12),
    ItemInput("MSE-ERGO", "Vertical mouse", "Left and right hand.", "B-05", 31, 10),
)


def register_commands(app: Flask) -> None:
    """Add the commands to `app`."""
    runtime = app.extensions["inventory"]

    @app.cli.command("create-tables")
    def create_tables_command() -> None:
        """Create the tables that are missing."""
        create_tables(runtime.engine)
        click.echo("The tables are there.")

    @app.cli.command("create-user")
    @click.argument("username")
    @click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
    def create_user_command(username: str, password_stdin: bool) -> None:
        """Add an account."""
        if password_stdin:
            password = sys.stdin.readline().rstrip("\n")
        else:
            password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        try:
            create_user(runtime, username, password)
        except AccountError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"The account {username} was created.")

    @app.cli.command("add-samples")
    def add_samples_command() -> None:
        """Add a few items to look at."""
        for sample in SAMPLES:
            try:
                create_item(runtime, sample)
            except DuplicateSku:
                click.echo(f"{sample.sku} is there already.")
        click.echo("The samples are there.")
