# syntax=docker/dockerfile:1
# ROVR as a container; docs/container.md says how to build and use it.
#
#   docker build -t rovr .                                     PyTorch with CUDA, for GPUs and for CPUs
#   docker build -t rovr:cpu --build-arg TORCH_INDEX=ADDRESS . PyTorch for the CPU alone, several gigabytes less
#   docker build -t rovr:app --build-arg EXTRAS=app .          other extras, here the page
#
# The CUDA libraries come with PyTorch's wheels, so that both have the same base; the driver is the host's.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG TORCH_INDEX=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/rovr
# First what seldom changes, so that a change in ROVR itself builds in seconds.
COPY constraints.txt ./
RUN /opt/rovr/bin/pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch torchvision
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
ARG EXTRAS=vision,hub,onnx
RUN /opt/rovr/bin/pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[$EXTRAS]"

FROM python:${PYTHON_VERSION}-slim-bookworm AS rovr
LABEL org.opencontainers.image.title="ROVR" \
      org.opencontainers.image.description="Repairs the holes in a video by looking at the right frames" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/rovr /opt/rovr
RUN useradd --create-home --uid 1000 rovr && mkdir /videos && chown rovr:rovr /videos
# For the NVIDIA Container Toolkit: what a GPU is wanted for.
ENV PATH=/opt/rovr/bin:$PATH \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER rovr
WORKDIR /videos
ENTRYPOINT ["rovr"]
CMD ["--help"]
