"""MongoDB's users in the local stack: created at the first start, checked at every later one."""

from __future__ import annotations

from pymongo.errors import OperationFailure, PyMongoError

from retail_devstack.ports import HOST
from retail_devstack.state import ROLES, State
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.users import ensure_users, user_uri
from retail_pipeline.errors import PermanentError
from retail_pipeline.settings import with_password

AUTHENTICATION_FAILED = 18


def root_uri(state: State) -> str:
    """Return MongoDB's address for the stack itself; services use others."""
    return with_password(
        f"mongodb://root@{HOST}:{state.ports['mongodb']}/admin", state.passwords["root"]
    )


def ensure_stack_users(state: State, database: str) -> None:
    """Create the root user, if the server has no user yet, and the pipeline's users.

    Raises:
        PermanentError: the data belongs to users whose passwords are not in the state.
    """
    address = f"{HOST}:{state.ports['mongodb']}"
    try:
        with connect(f"mongodb://{address}", name="local") as client:
            client.admin.command("createUser", "root", pwd=state.passwords["root"], roles=["root"])
    except OperationFailure:
        pass  # it exists: only a server without users accepts this without a password
    try:
        with connect(root_uri(state), name="local") as client:
            ensure_users(client, {role: state.passwords[role] for role in ROLES}, database)
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED:
            raise PermanentError(f"MongoDB's users can't be made: {error}") from error
        raise PermanentError(
            "MongoDB refuses the stack's own password: its data was made with another stack.json."
            " Restore that file, or start a new stack in another folder (RETAIL_HOME)"
        ) from error
    except PyMongoError as error:
        raise PermanentError(f"MongoDB's users can't be made: {error}") from error


def role_uris(state: State, database: str) -> dict[str, str]:
    """Return the variables with each role's address."""
    address = f"{HOST}:{state.ports['mongodb']}"
    uris = {
        f"MONGO_{role.upper()}_URI": user_uri(role, state.passwords[role], address, database)
        for role in ROLES
    }
    # For the user's shell: the role with the fewest rights.
    return {**uris, "MONGO_URI": uris["MONGO_READER_URI"]}
