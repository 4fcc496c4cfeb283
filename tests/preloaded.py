"""Imports the whole program. Processes that are forked after that start at once."""

import importlib
import pkgutil

import app
import app.__main__
import models
import permissions
import resolvers
import schema

for package in (models, permissions, resolvers, schema, app):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.startswith("app.migrations."):
            importlib.import_module(module.name)
