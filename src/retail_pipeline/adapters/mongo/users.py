"""The pipeline's MongoDB users, each with no more rights than its work needs.

``schemas/mongo_roles.json`` says which; ``init-mongo.js`` makes the same users of it in Compose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pymongo import MongoClient

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.settings import Role, with_password

Grants = dict[str, Any]


def load_roles() -> dict[Role, Grants]:
    """Return what each role's user is called and may do."""
    text = files("retail_pipeline").joinpath("schemas/mongo_roles.json").read_text("utf-8")
    roles: dict[Role, Grants] = json.loads(text)
    return roles


def ensure_users(
    client: MongoClient[Document], passwords: Mapping[Role, str], database: str
) -> None:
    """Make the users in ``database``, or bring those that exist to the present definition.

    ``client`` is connected as someone who may do so. Repeating it changes nothing.
    """
    for role, grants in load_roles().items():
        _ensure_user(client, grants, passwords[role], database)


def user_uri(role: Role, password: str, address: str, database: str) -> str:
    """Return the address at which the user of ``role`` reaches the server at ``host:port``."""
    user = load_roles()[role]["user"]
    return with_password(f"mongodb://{user}@{address}/{database}?authSource={database}", password)


def _ensure_user(
    client: MongoClient[Document], grants: Grants, password: str, database: str
) -> None:
    db = client[database]
    user = grants["user"]
    roles = [{"role": each["role"], "db": each.get("db", database)} for each in grants["roles"]]
    if grants["privileges"]:
        privileges = [
            {
                "resource": {"db": database, "collection": each["collection"]},
                "actions": each["actions"],
            }
            for each in grants["privileges"]
        ]
        known = db.command("rolesInfo", user)["roles"]
        verb = "updateRole" if known else "createRole"
        db.command(verb, user, privileges=privileges, roles=[])
        roles.append({"role": user, "db": database})
    known = db.command("usersInfo", user)["users"]
    db.command("updateUser" if known else "createUser", user, pwd=password, roles=roles)
