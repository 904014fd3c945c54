{{/*
Whether migration and topology run as a hook before the upgrade, or as an ordinary Job of the release.

A first install cannot use a hook. Before it there is no server in the cluster to migrate. After it is too late: with
`--wait` Helm runs post-install hooks once every pod is ready, and a worker is not ready before its role may log in. So the
Job is installed with everything else. It waits for the servers, the workers wait for it without crashing, and `--wait` ends.

An upgrade has the servers already, so the hook migrates before any new pod starts; if it fails, nothing else has changed.
As long as a server in the cluster is missing or most of its pods are not ready, it is the Job: after a first install that
stopped half-way, and for an upgrade that is to repair the very server that the hook would wait for.
*/}}
{{- define "tillstream.setup.isHook" -}}
{{- $there := .Release.IsUpgrade -}}
{{- range $part := list "nats" "postgresql" -}}
{{- if (index $.Values $part).enabled -}}
{{- $found := lookup "apps/v1" "StatefulSet" $.Release.Namespace (include "tillstream.name" (list $ $part)) -}}
{{- $ready := dig "status" "readyReplicas" 0 $found | int -}}
{{- $there = and $there (gt (mul 2 $ready) (dig "spec" "replicas" 1 $found | int64)) -}}
{{- end -}}
{{- end -}}
{{- ternary "true" "" $there -}}
{{- end -}}

{{- define "tillstream.setup.limits" -}}
replicas = {{ include "tillstream.copies" . }}
commands_max_bytes = {{ int64 .Values.topology.commandsMaxBytes }}
events_max_bytes = {{ int64 .Values.topology.eventsMaxBytes }}
dead_max_bytes = {{ int64 .Values.topology.deadMaxBytes }}
identity_max_bytes = {{ int64 .Values.topology.identityMaxBytes }}
ack_wait_ms = {{ int64 .Values.topology.ackWaitMs }}
max_ack_pending = {{ int64 .Values.topology.maxAckPending }}
{{- end -}}

{{/* What its containers have in common. */}}
{{- define "tillstream.setup.container" -}}
image: {{ include "tillstream.image" (list . "pos") }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources: {{- toYaml .Values.setup.resources | nindent 2 }}
{{ include "tillstream.container" . }}
volumeMounts:
  {{- include "tillstream.secretsMount" . | nindent 2 }}
  - {name: limits, mountPath: /etc/tillstream/limits, readOnly: true}
  {{- with include "tillstream.postgresql.caMount" . }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Whether it makes the role of PostgreSQL's exporter. */}}
{{- define "tillstream.setup.monitor" -}}
{{- ternary "true" "" (and .Values.postgresql.enabled .Values.monitoring.exporters.postgresql.enabled) -}}
{{- end -}}

{{- define "tillstream.setup.database" -}}
- --database
- {{ include "tillstream.postgresql.url" (list . .Values.postgresql.owner) | quote }}
- --database-password-file
- /etc/tillstream/secrets/postgres-owner
{{- end -}}
