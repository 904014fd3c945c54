# The images of Tillstream: a target for each program. `docs/operations/compose.md` says how to build and check them.
#
# Both bases are arguments, so that a release names them by digest:
#   docker build --target edge --build-arg RUST_IMAGE=…@sha256:… --build-arg RUNTIME_IMAGE=…@sha256:… .
# It builds with BuildKit and with the builder before it, so there is no `RUN --mount` and no `COPY --chmod`.
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# hadolint ignore=DL3006
FROM ${RUST_IMAGE} AS build
ENV CARGO_INCREMENTAL=0 \
    CARGO_TERM_COLOR=never \
    SQLX_OFFLINE=true
WORKDIR /src

# The dependencies, as a layer of their own: it is built again only when a manifest changes. Our crates are empty here.
COPY Cargo.toml Cargo.lock ./
COPY bench/Cargo.toml bench/
COPY bins/edge/Cargo.toml bins/edge/
COPY bins/identity-worker/Cargo.toml bins/identity-worker/
COPY bins/pos/Cargo.toml bins/pos/
COPY bins/receipts-worker/Cargo.toml bins/receipts-worker/
COPY bins/sales-worker/Cargo.toml bins/sales-worker/
COPY bins/stock-worker/Cargo.toml bins/stock-worker/
COPY libs/bus/Cargo.toml libs/bus/
COPY libs/contract/Cargo.toml libs/contract/
COPY libs/domain/Cargo.toml libs/domain/
COPY libs/runtime/Cargo.toml libs/runtime/
COPY libs/servers/Cargo.toml libs/servers/
COPY libs/store/Cargo.toml libs/store/
COPY libs/terminal/Cargo.toml libs/terminal/
COPY libs/testkit/Cargo.toml libs/testkit/
COPY libs/tidy/Cargo.toml libs/tidy/
COPY libs/till/Cargo.toml libs/till/
COPY libs/till-wasm/Cargo.toml libs/till-wasm/
RUN set -eu; \
    for manifest in bench/Cargo.toml bins/*/Cargo.toml libs/*/Cargo.toml; do \
        mkdir "${manifest%/*}/src"; \
        : > "${manifest%/*}/src/lib.rs"; \
        echo 'fn main() {}' > "${manifest%/*}/src/main.rs"; \
    done; \
    cargo build --release --locked --bins --package tillstream-edge --package tillstream-identity-worker \
        --package tillstream-pos --package tillstream-receipts-worker --package tillstream-sales-worker \
        --package tillstream-stock-worker; \
    # What was built of the empty crates must not pass for the real ones, whose files may be older.
    rm -rf bench bins libs target/release/.fingerprint/tillstream-* target/release/deps/*tillstream*

COPY . .
RUN set -eu; \
    cargo build --release --locked --bins --package tillstream-edge --package tillstream-identity-worker \
        --package tillstream-pos --package tillstream-receipts-worker --package tillstream-sales-worker \
        --package tillstream-stock-worker; \
    for program in edge sales-worker stock-worker receipts-worker identity-worker pos; do \
        install -D --mode 0755 "target/release/$program" "/out/bin/$program"; \
    done; \
    # Mount points, so that fresh volumes belong to the user of the images: secrets, copies for their readers, streams.
    install -d --mode 0700 /out/state/secrets /out/state/nats; \
    for reader in edge sales-worker stock-worker receipts-worker identity-worker nats postgres; do \
        install -d --mode 0755 "/out/state/readers/$reader"; \
    done

# hadolint ignore=DL3006
FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=unversioned
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="Tillstream" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/tillstream/tillstream" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The crates that went in, where scanners and people find them.
COPY Cargo.lock LICENSE /usr/share/doc/tillstream/
ENV TILLSTREAM__PROCESS__LISTEN=0.0.0.0:9100 \
    TILLSTREAM__PROCESS__LOG_FORMAT=json
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS edge
LABEL org.opencontainers.image.title="Tillstream edge" \
      org.opencontainers.image.description="Turns HTTP requests into messages, and reads"
COPY --from=build /out/bin/edge /usr/local/bin/edge
ENV TILLSTREAM__LISTEN=0.0.0.0:8080
EXPOSE 8080 9100
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/edge", "--health"]
ENTRYPOINT ["/usr/local/bin/edge"]

FROM runtime AS sales-worker
LABEL org.opencontainers.image.title="Tillstream sales worker" \
      org.opencontainers.image.description="Records sales"
COPY --from=build /out/bin/sales-worker /usr/local/bin/sales-worker
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/sales-worker", "--health"]
ENTRYPOINT ["/usr/local/bin/sales-worker"]

FROM runtime AS stock-worker
LABEL org.opencontainers.image.title="Tillstream stock worker" \
      org.opencontainers.image.description="Moves stock"
COPY --from=build /out/bin/stock-worker /usr/local/bin/stock-worker
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/stock-worker", "--health"]
ENTRYPOINT ["/usr/local/bin/stock-worker"]

FROM runtime AS receipts-worker
LABEL org.opencontainers.image.title="Tillstream receipts worker" \
      org.opencontainers.image.description="Issues numbered, chained and signed receipts"
COPY --from=build /out/bin/receipts-worker /usr/local/bin/receipts-worker
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/receipts-worker", "--health"]
ENTRYPOINT ["/usr/local/bin/receipts-worker"]

FROM runtime AS identity-worker
LABEL org.opencontainers.image.title="Tillstream identity worker" \
      org.opencontainers.image.description="Keeps merchants, stores, registers, users, roles and API keys"
COPY --from=build /out/bin/identity-worker /usr/local/bin/identity-worker
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/identity-worker", "--health"]
ENTRYPOINT ["/usr/local/bin/identity-worker"]

FROM runtime AS pos
LABEL org.opencontainers.image.title="Tillstream pos" \
      org.opencontainers.image.description="The operator's tool: secrets, migrations, topology, tokens, journal, dead letters"
COPY --from=build /out/bin/pos /usr/local/bin/pos
COPY --from=build --chown=10001:10001 /out/state /var/lib/tillstream
WORKDIR /var/lib/tillstream
# It is run for one command and ends.
HEALTHCHECK NONE
ENTRYPOINT ["/usr/local/bin/pos"]
