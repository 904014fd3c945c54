#!/bin/sh
# Makes Elasticsearch and Kibana ready for Tillstream's logs: users, life cycle, templates, saved objects. Runs once, in
# an image that has sh and curl; doing it again changes nothing.
#
#   ELASTICSEARCH_URL, KIBANA_URL   where they are
#   FILES                           the folder charts/tillstream/files/logging (default /logging)
#   SECRETS                         a folder with the passwords `elastic`, `kibana`, `logstash` (default /run/secrets)
#   USERS                           `false` where somebody else makes the users: then only the password `elastic` is read
#   ELASTICSEARCH_CA, KIBANA_CA     certificates of the authorities that are trusted (default: those of the system)
#   WAIT_SECONDS                    how long to wait for each (default 300)
set -eu

files=${FILES:-/logging}
secrets=${SECRETS:-/run/secrets}
users=${USERS:-true}
wait_seconds=${WAIT_SECONDS:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

needed=elastic
[ "$users" = false ] || needed="elastic kibana logstash"
for name in $needed; do
    if ! [ -s "$secrets/$name" ]; then
        echo "setup: $secrets/$name is missing or empty" >&2
        exit 1
    fi
done

# The password goes through a file: arguments are seen by everybody on the machine.
umask 077
printf 'user = "elastic:%s"\n' "$(cat "$secrets/elastic")" >"$work/curl"

# request METHOD URL [curl arguments]: fails, with what was answered, unless the answer is 2xx.
request() {
    method=$1
    url=$2
    shift 2
    case $url in
    "$ELASTICSEARCH_URL"/*) ca=${ELASTICSEARCH_CA:-} ;;
    *) ca=${KIBANA_CA:-} ;;
    esac
    [ -z "$ca" ] || set -- --cacert "$ca" "$@"
    code=$(curl --silent --show-error --max-time 60 --config "$work/curl" --output "$work/answer" --write-out '%{http_code}' \
        --request "$method" "$url" "$@") || code=000
    case $code in
    2*) ;;
    *)
        echo "setup: $method $url: $code" >&2
        [ ! -f "$work/answer" ] || head -c 2000 "$work/answer" >&2
        return 1
        ;;
    esac
}

put() { request PUT "$ELASTICSEARCH_URL/$1" --header 'Content-Type: application/json' --data-binary "@$2"; }

wait_for() {
    left=$wait_seconds
    until request GET "$2" 2>"$work/why"; do
        if [ "$left" -le 0 ]; then
            echo "setup: $1 is not there after $wait_seconds s" >&2
            cat "$work/why" >&2
            exit 1
        fi
        left=$((left - 2))
        sleep 2
    done
    echo "setup: $1 is there"
}

wait_for Elasticsearch "$ELASTICSEARCH_URL/_cluster/health?wait_for_status=yellow&timeout=1s"

if [ "$users" != false ]; then
    printf '{"password":"%s"}' "$(cat "$secrets/kibana")" >"$work/kibana.json"
    request POST "$ELASTICSEARCH_URL/_security/user/kibana_system/_password" --header 'Content-Type: application/json' \
        --data-binary "@$work/kibana.json"
    put _security/role/tillstream_logstash "$files/elasticsearch/role-logstash.json"
    printf '{"password":"%s","roles":["tillstream_logstash"]}' "$(cat "$secrets/logstash")" >"$work/logstash.json"
    put _security/user/tillstream_logstash "$work/logstash.json"
    echo "setup: users are made"
fi

# What a template names must be there before it.
put _ilm/policy/tillstream-logs "$files/elasticsearch/ilm-policy.json"
put _component_template/tillstream-logs-settings "$files/elasticsearch/component-settings.json"
put _component_template/tillstream-logs-mappings "$files/elasticsearch/component-mappings.json"
put _index_template/tillstream-logs "$files/elasticsearch/index-template.json"
echo "setup: life cycle and templates are made"

wait_for Kibana "$KIBANA_URL/api/status"
request POST "$KIBANA_URL/api/saved_objects/_import?overwrite=true" --header 'kbn-xsrf: true' \
    --form "file=@$files/kibana/saved-objects.ndjson"
# An import in which single objects fail is answered 200.
if ! grep -q '"success":true' "$work/answer"; then
    echo "setup: saved objects were not all taken:" >&2
    head -c 2000 "$work/answer" >&2
    exit 1
fi
echo "setup: saved objects are imported"
