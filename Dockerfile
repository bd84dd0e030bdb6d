# The image that the GitHub Action runs in: the bot and what it needs, no compiler, no package cache.
# Programs are not run in here: they run in sandbox containers of their own, beside this one (src/mlops_bot/sandbox).
ARG BASE_IMAGE=python:3.11.14-slim-bookworm

FROM ${BASE_IMAGE} AS build
# python:*-slim has all it takes; a bare Debian gets it here.
RUN if ! python3 -c "import ensurepip, venv" 2>/dev/null; then \
        apt-get update -q \
        && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-pip python3-venv; \
    fi
# Where packages come from, for a build behind a proxy or a mirror. Nothing of this stage reaches the image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
WORKDIR /build
RUN python3 -m venv --copies /opt/mlops-bot
COPY requirements/action.txt ./requirements.txt
# An unset ARG must not reach pip as an empty setting.
RUN for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_TRUSTED_HOST; do eval "test -n \"\$$name\"" || unset "$name"; done; \
    /opt/mlops-bot/bin/python -m pip install --no-cache-dir --no-input --disable-pip-version-check --progress-bar off \
        --only-binary :all: --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# --no-deps, no build isolation: everything that is installed is in the lock.
RUN /opt/mlops-bot/bin/python -m pip install --no-cache-dir --no-input --disable-pip-version-check --progress-bar off \
        --no-deps --no-build-isolation . \
    && /opt/mlops-bot/bin/python -m pip uninstall -y -q hatchling editables pathspec pluggy trove-classifiers pip setuptools \
    && find /opt/mlops-bot -name tests -type d -path '*/site-packages/*' -prune -exec rm -rf {} + \
    && /opt/mlops-bot/bin/python -m compileall -q /opt/mlops-bot/lib

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="mlops-bot" \
      org.opencontainers.image.description="Adds MLOps functions to training code, and proves by running it that they work." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN if ! python3 -c "import ssl, sqlite3, ctypes" 2>/dev/null; then \
        apt-get update -q \
        && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 ca-certificates \
        && rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=build /opt/mlops-bot /opt/mlops-bot
COPY scripts/action-entrypoint /usr/local/bin/action-entrypoint
ENV PATH=/opt/mlops-bot/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# Starts as root because only root can open the runner's Docker socket; the entry point gives root up before the bot starts.
ENTRYPOINT ["/usr/local/bin/action-entrypoint"]
CMD ["action"]
