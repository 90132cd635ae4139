# The image to develop in: the server starts again whenever a file is saved. `make image-dev` builds it, and
# `make image-run-dev` runs it on this folder. What ships is Dockerfile.production.

ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build

# PID 1 gets every orphan of the container and must bury it, which is what tini is for.
RUN apt-get update && apt-get install --yes --no-install-recommends tini

# Dependencies before the source: a change of yours does not install them again. Exactly what is locked, by its hash.
COPY requirements.txt /
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes --disable-pip-version-check \
        --requirement /requirements.txt

FROM python:${PYTHON_VERSION}-slim
COPY --from=build /usr/bin/tini /usr/bin/tini
COPY --from=build /venv /venv
WORKDIR /app
COPY pyproject.toml server.py ./
COPY serving serving
COPY tools tools
RUN chmod -R a+rX,go-w .

# By number, because Kubernetes cannot tell from a name whether it is root. Any other user works as well.
USER 1000:1000

# No bytecode, because /app is somebody's folder; and Docker Desktop tells no container that a file there has changed.
ENV PATH=/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 WATCHFILES_FORCE_POLLING=true \
    MCP_HOST=0.0.0.0 MCP_PORT=8000 MCP_LOG_LEVEL=debug MCP_LOG_FORMAT=text

EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["python", "-m", "serving.check"]
# -s: quiet where it is not PID 1. -e 143: a stop before Python listens to signals is as good as a later one.
ENTRYPOINT ["tini", "-s", "-e", "143", "--", "watchfiles", "--filter", "python", \
    "python server.py", "server.py", "serving", "tools"]

ARG TITLE
ARG DESCRIPTION
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title=$TITLE \
      org.opencontainers.image.description=$DESCRIPTION \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
