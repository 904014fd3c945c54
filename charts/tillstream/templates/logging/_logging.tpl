{{- define "tillstream.logging.namespace" -}}
{{- default .Release.Namespace .Values.logging.namespace -}}
{{- end -}}

{{/* What its resources are called and labelled: (list $ "elasticsearch"). */}}
{{- define "tillstream.logging.metadata" -}}
name: {{ include "tillstream.name" . }}
namespace: {{ include "tillstream.logging.namespace" (index . 0) }}
labels: {{- include "tillstream.labels" (list (index . 0) "logging") | nindent 2 }}
{{- end -}}

{{/* What the operator must not leave out of a pod. Everything else that is restricted it sets itself. */}}
{{- define "tillstream.logging.pod" -}}
metadata:
  labels: {{- include "tillstream.selector" . | nindent 4 }}
{{- end -}}

{{- define "tillstream.logging.securityContext" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tillstream.logging.container" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The files of files/logging/logstash in order. What is for Docker Compose is left out by .helmignore. */}}
{{- define "tillstream.logging.pipeline" -}}
{{- range $path, $_ := .Files.Glob "files/logging/logstash/*.conf" }}
{{ $.Files.Get $path }}
{{- end }}
{{- end -}}

{{/* What is brought into Elasticsearch and Kibana: file → content. JSON. */}}
{{- define "tillstream.logging.files" -}}
{{- $files := dict "setup.sh" (include "tillstream.logging.script" .) -}}
{{- range $pattern := list "files/logging/elasticsearch/*.json" "files/logging/kibana/*.ndjson" -}}
{{- range $path, $_ := $.Files.Glob $pattern -}}
{{- $_ := set $files (base $path) ($.Files.Get $path) -}}
{{- end -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{- define "tillstream.logging.script" -}}
# Brings life cycle, templates and saved objects into Elasticsearch and Kibana. Doing it again changes nothing.
set -eu
umask 077
# Through a file: everybody on the node can see arguments.
printf 'user = "elastic:%s"\n' "$(cat /run/elastic/elastic)" >/tmp/curl

# request CA METHOD URL [curl arguments]: fails, with what was answered, unless the answer is 2xx.
request() {
  ca=$1 method=$2 url=$3
  shift 3
  curl --silent --show-error --fail-with-body --max-time 60 --config /tmp/curl --cacert "/run/$ca/ca.crt" \
    --output /tmp/answer --request "$method" "$url" "$@" || {
    [ ! -f /tmp/answer ] || head -c 2000 /tmp/answer >&2
    return 1
  }
}

wait_for() {
  until request "$1" GET "$2" 2>/tmp/why; do
    echo "waiting for $2"
    sleep 5
  done
}

put() { request elasticsearch-ca PUT "$ELASTICSEARCH_URL/$1" --header 'Content-Type: application/json' --data-binary "@/files/$2"; }

# The Job's deadline ends the waiting.
wait_for elasticsearch-ca "$ELASTICSEARCH_URL/_cluster/health?wait_for_status=yellow&timeout=1s"
# What a template names must be there before it.
put _ilm/policy/tillstream-logs ilm-policy.json
put _component_template/tillstream-logs-settings component-settings.json
put _component_template/tillstream-logs-mappings component-mappings.json
put _index_template/tillstream-logs index-template.json
echo "life cycle and templates are there"

wait_for kibana-ca "$KIBANA_URL/api/status"
request kibana-ca POST "$KIBANA_URL/api/saved_objects/_import?overwrite=true" --header 'kbn-xsrf: true' \
  --form "file=@/files/saved-objects.ndjson"
# An import in which single objects fail is answered 200.
grep -q '"success":true' /tmp/answer || {
  echo "saved objects were not all taken:" >&2
  head -c 2000 /tmp/answer >&2
  exit 1
}
echo "saved objects are there"
{{- end -}}
