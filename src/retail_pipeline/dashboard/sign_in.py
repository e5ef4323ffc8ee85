"""Who sees the pages: everyone, or, with a file of OpenID Connect settings, those who sign in."""

from __future__ import annotations

import tomllib
from pathlib import Path

import streamlit as st

from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.process import settings
from retail_pipeline.errors import UsageError

# After the sign-in the provider sends the viewer to the front page. The browser's tab keeps the
# address that was asked for, so that a link still leads to its view.
_KEEP_VIEW = """<script>
sessionStorage.setItem("retail-view", location.pathname + location.search);
</script>"""
_TAKE_UP_VIEW = """<script>
const view = sessionStorage.getItem("retail-view");
sessionStorage.removeItem("retail-view");
if (view && view !== location.pathname + location.search) location.replace(view);
</script>"""
_NEEDED = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")


def check(file: Path) -> None:
    """Check the sign-in file.

    Raises:
        UsageError: it can't be read, or lacks something; it says what.
    """
    try:
        section = tomllib.loads(file.read_text("utf-8")).get("auth", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"DASHBOARD_SIGN_IN_FILE {file} can't be read: {error}") from error
    missing = [name for name in _NEEDED if not section.get(name)]
    if missing:
        raise UsageError(f"DASHBOARD_SIGN_IN_FILE {file}: [auth] has no {', '.join(missing)}")


def ask_for_sign_in() -> bool:
    """Ask for a sign-in where it is needed; return whether this viewer may see the pages."""
    if settings().dashboard_sign_in_file is None:
        return True
    # Without an [auth] section nobody is logged in, and nobody gets in.
    if getattr(st.user, "is_logged_in", False):
        _signed_in()
        return True
    st.title("Retail analytics")
    st.markdown("Sign in to see the figures.")
    st.html(_KEEP_VIEW, unsafe_allow_javascript=True)
    st.button("Sign in", on_click=st.login, type="primary", icon=":material/login:")
    return False


def _signed_in() -> None:
    """Say who is signed in, and let them sign out."""
    st.html(_TAKE_UP_VIEW, unsafe_allow_javascript=True)
    with st.sidebar:
        st.caption(f"Signed in as {format.plain(str(st.user.get('email') or st.user.get('sub')))}")
        st.button("Sign out", on_click=st.logout, icon=":material/logout:")
