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

{{/* The pipeline of files/logging; without one, what comes is stored as it is. */}}
{{- define "tillstream.logging.pipeline" -}}
{{- $given := .Files.Glob "files/logging/*.conf" -}}
{{- if $given -}}
{{- range $path, $_ := $given }}
{{ $.Files.Get $path }}
{{- end }}
{{- else -}}
input { beats { port => 5044 } }
output {
  elasticsearch {
    hosts => ["${ELASTICSEARCH_ES_HOSTS}"]
    user => "${ELASTICSEARCH_ES_USER}"
    password => "${ELASTICSEARCH_ES_PASSWORD}"
    ssl_certificate_authorities => "${ELASTICSEARCH_ES_SSL_CERTIFICATE_AUTHORITY}"
    data_stream => true
    data_stream_type => "logs"
    data_stream_dataset => "tillstream"
  }
}
{{- end -}}
{{- end -}}
