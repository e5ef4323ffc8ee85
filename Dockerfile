# base -> dependencies -> development, production. The last stage is what Compose runs. The modes of
# what is copied are set here, since a checkout made under a strict umask is readable for its owner only.
FROM python:3.11-slim AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HOME=/tmp \
    STATE_DIR=/state \
    HEARTBEAT_FILE=/tmp/heartbeat
# The folder exists so that a volume mounted on it takes over its owner.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin retail \
 && install --directory --owner retail --group retail /state
WORKDIR /app

# Dependencies before the source: a change of code installs nothing again.
FROM base AS dependencies
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install -r requirements.txt
COPY --chmod=755 pyproject.toml README.md ./
COPY --chmod=755 .streamlit ./.streamlit
COPY --chmod=755 src ./src
# `retail alert` reads the rules.
COPY --chmod=755 monitoring/rules ./monitoring/rules
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --no-deps --editable . \
 && python -m compileall -q src

# docker build --target development -t retail-tests . && docker run --rm retail-tests
FROM dependencies AS development
COPY requirements-local.txt requirements-dev.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install -r requirements-dev.txt
COPY --chmod=755 . .
USER retail
CMD ["python", "-m", "pytest", "-p", "no:cacheprovider", "tests/unit"]

FROM base AS production
RUN pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=dependencies /app /app
USER retail
CMD ["retail", "--help"]
