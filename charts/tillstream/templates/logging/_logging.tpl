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

{{/* What is brought into Elasticsearch and Kibana, and by what: path below files/logging → content. JSON. */}}
{{- define "tillstream.logging.files" -}}
{{- $files := dict -}}
{{- range $pattern := list "files/logging/setup.sh" "files/logging/elasticsearch/*.json" "files/logging/kibana/*.ndjson" -}}
{{- range $path, $_ := $.Files.Glob $pattern -}}
{{- $_ := set $files (trimPrefix "files/logging/" $path) ($.Files.Get $path) -}}
{{- end -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}
