# Stands in for gcr.io/distroless/cc: the C library, libgcc, time zones, certificates and the user nonroot; no shell.
FROM debian:stand-in AS parts
RUN apt-get update && apt-get install -y --no-install-recommends tzdata && rm -rf /var/lib/apt/lists/*
RUN set -eu; \
    mkdir -p /out/var/lib/dpkg/status.d /out/tmp /out/home/nonroot /out/usr/lib64; \
    for dir in bin lib lib64 sbin; do ln -s "usr/$dir" "/out/$dir"; done; \
    for package in libc6 libgcc-s1 ca-certificates tzdata netbase base-files; do \
        dpkg -s "$package" > "/out/var/lib/dpkg/status.d/$package" 2> /dev/null || continue; \
        dpkg -L "$package" | while read -r path; do \
            if [ -f "$path" ] || [ -L "$path" ]; then \
                real="$(realpath "$(dirname "$path")")"; mkdir -p "/out$real"; cp -a "$real/$(basename "$path")" "/out$real/"; \
            fi; \
        done; \
    done; \
    cp -aL --parents /etc/ssl/certs/ca-certificates.crt /out/; \
    rm -rf /out/usr/bin /out/usr/sbin /out/usr/share/doc /out/usr/share/man /out/usr/share/lintian /out/usr/lib/x86_64-linux-gnu/gconv; \
    echo 'root:x:0:0:root:/root:/sbin/nologin' > /out/etc/passwd; \
    echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >> /out/etc/passwd; \
    printf 'root:x:0:\nnonroot:x:65532:\n' > /out/etc/group; \
    chmod 1777 /out/tmp; chown 65532:65532 /out/home/nonroot

FROM scratch
COPY --from=parts /out /
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 65532
WORKDIR /home/nonroot
