{{/* Where NATS and PostgreSQL are, in the cluster or elsewhere. */}}

{{/* The DNS name of the pod of NATS with a number: (list $ 0). */}}
{{- define "tillstream.nats.host" -}}
{{- $name := include "tillstream.name" (list (index . 0) "nats") -}}
{{- printf "%s-%d.%s.%s.svc" $name (int (index . 1)) $name (index . 0).Release.Namespace -}}
{{- end -}}

{{/* All servers: a client that loses one goes on to the next. */}}
{{- define "tillstream.nats.url" -}}
{{- if .Values.nats.enabled -}}
{{- $urls := list -}}
{{- range $i := until (int .Values.nats.replicas) -}}
{{- $urls = append $urls (printf "nats://%s:4222" (include "tillstream.nats.host" (list $ $i))) -}}
{{- end -}}
{{- join "," $urls -}}
{{- else -}}
{{- required "nats.external.url is needed when nats.enabled is false" .Values.nats.external.url -}}
{{- end -}}
{{- end -}}

{{/* What KEDA asks. The headless Service: KEDA finds the leader of a consumer at <server>.<this>. */}}
{{- define "tillstream.nats.monitoring" -}}
{{- if .Values.nats.enabled -}}
{{- printf "%s.%s.svc:8222" (include "tillstream.name" (list . "nats")) .Release.Namespace -}}
{{- else -}}
{{- required "nats.external.monitoring is needed when nats.enabled is false and workers are autoscaled" .Values.nats.external.monitoring -}}
{{- end -}}
{{- end -}}

{{- define "tillstream.nats.account" -}}
{{- ternary "$G" .Values.nats.external.account .Values.nats.enabled -}}
{{- end -}}

{{/* The database's address for a role, without password: (list $ "tillstream_edge" "read"); the third is optional. */}}
{{- define "tillstream.postgresql.url" -}}
{{- $root := index . 0 -}}
{{- $pg := $root.Values.postgresql -}}
{{- if $pg.enabled -}}
{{- printf "postgres://%s@%s.%s.svc:5432/%s?sslmode=disable" (index . 1) (include "tillstream.name" (list $root "postgresql")) $root.Release.Namespace $pg.database -}}
{{- else -}}
{{- $host := required "postgresql.external.host is needed when postgresql.enabled is false" $pg.external.host -}}
{{- if and (gt (len .) 2) $pg.external.readHost -}}
{{- $host = $pg.external.readHost -}}
{{- end -}}
{{- $options := printf "sslmode=%s" $pg.external.sslMode -}}
{{- if $pg.external.caSecret -}}
{{- $options = printf "%s&sslrootcert=/etc/tillstream/postgres-ca/ca.crt" $options -}}
{{- end -}}
{{- printf "postgres://%s@%s:%d/%s?%s" (index . 1) $host (int $pg.external.port) $pg.database $options -}}
{{- end -}}
{{- end -}}

{{- define "tillstream.postgresql.caVolume" -}}
{{- if and (not .Values.postgresql.enabled) .Values.postgresql.external.caSecret -}}
- name: postgres-ca
  secret:
    secretName: {{ .Values.postgresql.external.caSecret }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end -}}

{{- define "tillstream.postgresql.caMount" -}}
{{- if and (not .Values.postgresql.enabled) .Values.postgresql.external.caSecret -}}
- {name: postgres-ca, mountPath: /etc/tillstream/postgres-ca, readOnly: true}
{{- end }}
{{- end -}}
