"""An environment in which each variable could keep a server from starting or from being reached."""

from __future__ import annotations

HOSTILE = {
    "LANG": "tr_TR.UTF-8",
    "LC_ALL": "tr_TR.UTF-8",
    "LC_CTYPE": "C",
    "TZ": "Mars/Phobos",
    "JAVA_TOOL_OPTIONS": "-Dhttp.proxyHost=proxy -DsocksProxyHost=proxy",
    "_JAVA_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "--no-such-option",
    "CLASSPATH": "/elsewhere/*",
    "KAFKA_OPTS": "-javaagent:/elsewhere.jar",
    "LD_PRELOAD": "/elsewhere.so",
    "LD_LIBRARY_PATH": "/elsewhere",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "STREAMLIT_SERVER_BASE_URL_PATH": "shop",
}
