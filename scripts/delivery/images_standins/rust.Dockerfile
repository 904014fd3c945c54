# Stands in for docker.io/library/rust: slim, where no image can be pulled. The toolchain and the crates are this machine's.
FROM debian:stand-in
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY toolchain /usr/local/rustup/toolchains/stand-in
COPY registry /usr/local/cargo/registry
ENV CARGO_HOME=/usr/local/cargo \
    CARGO_NET_OFFLINE=true \
    PATH=/usr/local/rustup/toolchains/stand-in/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
