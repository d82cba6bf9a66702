# Omokage as a container, for a machine of your own and for Docker Spaces.
#   docker build -t omokage .                              CPU
#   docker build -t omokage --build-arg DEVICE=cuda .      NVIDIA; run it with --gpus all
#   docker run -p 127.0.0.1:7860:7860 -v omokage:/app/workspace omokage
FROM python:3.11-slim-bookworm

ARG DEVICE=cpu

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app

# torch alone first, because only it differs: PyPI's build for Linux brings CUDA along (several GB).
COPY requirements.txt constraints.txt ./
RUN set -eu; \
    case "$DEVICE" in \
        cpu) where="--index-url https://download.pytorch.org/whl/cpu" ;; \
        cuda) where="" ;; \
        *) echo "DEVICE is cpu or cuda, not '$DEVICE'" >&2; exit 1 ;; \
    esac; \
    pip install --no-deps $where "$(grep '^torch==' requirements.txt)"; \
    pip install -c constraints.txt -r requirements.txt

COPY app.py LICENSE ./
COPY core core
COPY tabs tabs
COPY prompt_templates prompt_templates
COPY datasets datasets
COPY models/omokage-mini models/omokage-mini

# Spaces runs containers as user 1000, too. The code stays root's; only workspace/ can be written.
RUN useradd --create-home --uid 1000 omokage \
    && mkdir -p workspace/huggingface \
    && chown -R omokage:omokage workspace \
    && python -m compileall -q app.py core tabs
USER omokage

# OMOKAGE_HOME is left unset on purpose: it is /app/workspace by itself, and /data on a Space with a
# bucket, where the app must see for itself whether what it writes is kept.
ENV HF_HOME=/app/workspace/huggingface \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
VOLUME ["/app/workspace"]

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health', timeout=4)"]

CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
