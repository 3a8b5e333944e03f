# loadgen in a container. Master, worker and simulator are this one image, told apart by their command (docker-compose.yml).
#   docker build -t loadgen .                      any Debian Python from 3.11 on: --build-arg PYTHON_IMAGE=...
#   docker run --rm --init loadgen loadgen run quickstart
#   docker build -t loadgen-engine --target engine .    a llama.cpp server with SmolLM2, for the profile `real`
ARG PYTHON_IMAGE=python:3.13-slim-trixie
# Where a wheel is missing (hdrhistogram's for Linux on ARM) this needs a compiler: --build-arg BUILD_IMAGE=python:3.13-trixie
ARG BUILD_IMAGE=${PYTHON_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
# pip and setuptools stay here: what runs has its own environment without them.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv pip \
    && python -m venv --without-pip /opt/loadgen \
    && pip/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/build.txt \
    && pip/bin/python -m pip --python /opt/loadgen/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --require-hashes -r requirements/runtime.txt
# After the dependencies, so that a changed source does not install those again.
COPY pyproject.toml setup.py README.md LICENSE ./
COPY scenarios scenarios
COPY loadgen loadgen
RUN pip/bin/python -m pip wheel --quiet --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
        --wheel-dir wheels . \
    && pip/bin/python -m pip --python /opt/loadgen/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --no-deps wheels/*.whl

FROM ${PYTHON_IMAGE} AS loadgen
# A user of its own, who owns nothing but the folder of the runs: a volume mounted there takes over its owner.
RUN useradd --system --uid 10001 --no-create-home --home-dir /tmp loadgen \
    && mkdir -p /app/runs \
    && chown loadgen: /app/runs
COPY --from=build /opt/loadgen /opt/loadgen
WORKDIR /app
COPY locustfile.py ./
ENV PATH=/opt/loadgen/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
CMD ["loadgen", "--help"]

FROM build AS engine-build
COPY requirements/engine.txt requirements/
RUN python -m venv --without-pip /opt/engine \
    && pip/bin/python -m pip --python /opt/engine/bin/python install --quiet --no-cache-dir \
        --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r requirements/engine.txt

FROM ${PYTHON_IMAGE} AS engine
# What llama.cpp's threads need and a slim image lacks. The image's own Debian release pins it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /tmp engine
COPY --from=engine-build /opt/engine /opt/engine
WORKDIR /app
COPY stack/engine.py ./
ENV PATH=/opt/engine/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
CMD ["python", "engine.py"]
