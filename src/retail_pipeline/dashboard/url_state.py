"""What the viewer chose: kept in one place, shown by the widgets, and written to the page's URL.

The session's choices are read from the URL when the page is opened and when the viewer goes back or
forward in the browser's history. After that they change only when the viewer changes one, by a
widget or by a click on a chart or a table, and each change is one entry of the history. Nothing
else writes an entry: not a refresh, and not a page change, which the browser notes itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
_CHOSEN, _REJECTED, _RUNS, _PAGE = "url_chosen", "url_rejected", "url_runs", "url_page"
# Streamlit leaves the query out of the URL of the page that a link of the sidebar opens, and can't
# change the URL without a new entry of the history: the script does both. The URL of an embedded
# page, which nobody sees, stays as it is. Enter applies a date that was typed: Streamlit does so
# only when its calendar is closed and the field loses the focus.
_SCRIPT = """<script>
// Run %(run)d
(() => {
  const search = %(search)s;
  document.querySelectorAll('[data-testid="stSidebarNavLink"]').forEach((link) => {
    link.search = search;
  });
  if (location.search !== search && !/[?&]embed/.test(location.search)) {
    history.replaceState(history.state, "", location.pathname + search + location.hash);
  }
  if (window.retailAppliesDates) return;
  window.retailAppliesDates = true;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.closest('[data-testid="stDateInputField"]')) {
      event.target.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape", bubbles: true}));
      setTimeout(() => event.target.blur());
    }
  }, true);
})();
</script>"""

# Takes the texts of a parameter that are not empty; returns its value and the texts refused.
Reader = Callable[[list[str]], tuple[Any, list[str]]]


@dataclass(frozen=True)
class Parameter:
    """One parameter of the URL, and the widget of the same key.

    It has a value only while another one has a certain value: ``needs``, a key and a value. What
    is ``typed`` as the page follows gets one entry of the history, not one for each letter.
    ``options`` are its only values, where there are few.
    """

    key: str
    default: Any
    read: Reader
    needs: tuple[str, Any] | None = None
    typed: bool = False
    options: tuple[str, ...] = ()


_PARAMETERS: dict[str, Parameter] = {}


def _single(key: str, default: Any, parse: Callable[[str], Any], **others: Any) -> str:
    """Define a parameter with one value, of which ``parse`` raises ValueError if it can't be.

    ``others`` are fields of :class:`Parameter`.
    """

    def read(texts: list[str]) -> tuple[Any, list[str]]:
        *others, last = texts
        try:
            return parse(last), others
        except ValueError:
            return default, texts

    return _add(Parameter(key, default, read, **others))


def _add(parameter: Parameter) -> str:
    _PARAMETERS[parameter.key] = parameter
    return parameter.key


def one_of(key: str, options: Iterable[str], default: str = "") -> str:
    """Define a parameter with one of some values, the first if no other is the ``default``; return
    its key."""
    every = tuple(options)
    return _single(key, default or every[0], lambda text: every[every.index(text)], options=every)


def several(key: str, fits: Callable[[str], bool], most: int) -> str:
    """Define a parameter with any number of values up to ``most``; return its key."""

    def read(texts: list[str]) -> tuple[list[str], list[str]]:
        asked = list(dict.fromkeys(texts))
        taken = [text for text in asked if fits(text)][:most]
        return taken, [text for text in asked if text not in taken]

    return _add(Parameter(key, [], read))


def switch(key: str) -> str:
    """Define a parameter that is on unless the URL says ``false``; return its key."""
    return _single(key, True, lambda text: bool(("false", "true").index(text.lower())))


def day(key: str, needs: tuple[str, Any]) -> str:
    """Define a parameter with a date that applies where ``needs`` is so; return its key."""

    def parse(text: str) -> date:
        found = date.fromisoformat(text)
        if not EARLIEST <= found <= LATEST:
            raise ValueError(text)
        return found

    return _single(key, None, parse, needs=needs)


def text(key: str, default: str | None, longest: int, *, typed: bool = False) -> str:
    """Define a parameter with a text of at most ``longest`` characters; return its key."""

    def parse(text: str) -> str:
        if len(text) > longest:
            raise ValueError(text)
        return text

    return _single(key, default, parse, typed=typed)


def load() -> None:
    """Read the choices from the URL, where it is new to the session; first in each full run."""
    state, run = st.session_state, get_script_run_ctx()
    page = run.page_script_hash if run else ""
    if state.get(_PAGE, page) != page:
        # The widgets of another page are others, also those of the same keys.
        for key in _PARAMETERS:
            state.pop(key, None)
    state[_PAGE] = page
    state[_RUNS] = state.get(_RUNS, 0) + 1
    if _CHOSEN not in state or (run is not None and run.is_history_navigation):
        asked = {key: st.query_params.get_all(key) for key in st.query_params}
        state[_CHOSEN], state[_REJECTED] = _read(asked)


def _read(asked: Mapping[str, list[str]]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the value of each parameter, and what was asked for that is not possible, by key."""
    chosen = {key: each.default for key, each in _PARAMETERS.items()}
    rejected: dict[str, list[str]] = {}
    for key, parameter in _PARAMETERS.items():
        if texts := [each for each in asked.get(key, ()) if each]:
            chosen[key], left = parameter.read(texts)
            rejected |= {key: left} if left else {}
    for key, parameter in _PARAMETERS.items():
        if parameter.needs and chosen[key] != parameter.default:
            other, value = parameter.needs
            if other not in asked:
                chosen[other] = value
            elif chosen[other] != value:
                chosen[key], rejected[key] = parameter.default, asked[key]
    # Last, as they change no figure.
    rejected |= {key: texts for key, texts in asked.items() if key not in _PARAMETERS}
    return chosen, rejected


def rejected() -> dict[str, list[str]]:
    """Return the parts of the link that are left out, by their keys, until a choice changes."""
    found: dict[str, list[str]] = st.session_state.get(_REJECTED, {})
    return found


def value(key: str) -> Any:
    """Return what is chosen."""
    return st.session_state.get(_CHOSEN, {}).get(key, _PARAMETERS[key].default)


def put(**values: Any) -> None:
    """Choose values by their keys, as the viewer would; only for callbacks.

    It is one entry of the browser's history.
    """
    before = {key: value(key) for key in values}
    st.session_state[_CHOSEN] = {**st.session_state.get(_CHOSEN, {}), **values}
    st.session_state[_REJECTED] = {}
    if not all(_PARAMETERS[key].typed and before[key] and values[key] for key in values):
        st.query_params.from_dict(_query())


def widget(
    key: str, initial: str = "", options: Sequence[Any] | None = None, **others: Any
) -> dict[str, Any]:
    """Return the arguments by which a widget shows what is chosen, and changes it.

    ``initial`` is the widget's argument for what it shows at first: ``value``, ``default`` or
    ``index``; none for one that can be cleared, which Streamlit allows only where nothing is its
    default. Something else than one of the ``options`` is shown as the default, or as the first of
    them. A change sets the ``others``, too.
    """
    shown = value(key)
    if options is not None and shown not in options:
        default = _PARAMETERS[key].default
        shown = default if default in options else options[0]
    arguments: dict[str, Any] = {"key": key, "on_change": _changed, "args": (key, others)}
    new = key not in st.session_state
    if (new and not initial) or (not new and st.session_state[key] != shown):
        st.session_state[key] = shown
    elif initial:
        # With the session state as well, Streamlit warns. With the session state alone, a slow
        # browser shows the widget's own default.
        arguments[initial] = options.index(shown) if initial == "index" and options else shown
    return arguments


def segments(label: str, key: str, options: Sequence[str] = ()) -> str:
    """Draw a choice of one of the parameter's values, or of some of them, side by side; return
    what is chosen."""
    options = options or _PARAMETERS[key].options
    shown = widget(key, "default", options)
    return st.segmented_control(label, options, required=True, **shown) or options[0]


def dropdown(label: str, key: str, options: Sequence[str] = (), **more: Any) -> str:
    """Draw a choice of one of the parameter's values, or of the ``options``, in a list; return what
    is chosen. ``more`` are arguments of ``st.selectbox``."""
    options = options or _PARAMETERS[key].options
    shown = widget(key, "index", options)
    return st.selectbox(label, options, **more, **shown) or options[0]


def _changed(key: str, others: Mapping[str, Any]) -> None:
    put(**{key: st.session_state[key], **others})


def _query() -> dict[str, list[str]]:
    """Return the parameters of the URL: of what is chosen, all but the defaults."""
    return {
        key: _texts(value(key))
        for key, parameter in _PARAMETERS.items()
        if value(key) != parameter.default
        and (parameter.needs is None or value(parameter.needs[0]) == parameter.needs[1])
    }


def _texts(chosen: Any) -> list[str]:
    if isinstance(chosen, list):
        return chosen
    return [str(chosen).lower() if isinstance(chosen, bool) else str(chosen)]


def script() -> None:
    """Have the browser show the choices in the URL, in the present entry of its history."""
    query = urlencode(_query(), doseq=True)
    search = json.dumps(f"?{query}" if query else "")
    with st.container(key="url-state"):
        st.html(
            _SCRIPT % {"run": st.session_state.get(_RUNS, 0), "search": search},
            unsafe_allow_javascript=True,
        )
