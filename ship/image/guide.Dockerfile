# The two-stage image that most guides show, of this very server: what `make image-report` measures ours against.

ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --requirement requirements.txt

FROM python:${PYTHON_VERSION}-slim
RUN useradd --create-home app
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
USER app
ENV PATH=/opt/venv/bin:$PATH MCP_HOST=0.0.0.0
EXPOSE 8000
CMD ["python", "server.py"]
