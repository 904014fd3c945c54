{{/* The secrets of the release: group → its keys. JSON. */}}
{{- define "tillstream.secrets" -}}
{{- $nats := list "nats-edge" "nats-sales" "nats-stock" "nats-receipts" "nats-identity" "nats-operator" -}}
{{- if and .Values.nats.enabled (gt (int .Values.nats.replicas) 1) -}}
{{- $nats = append $nats "nats-routes" -}}
{{- end -}}
{{- $groups := dict
  "nats" $nats
  "postgresql" (list "postgres-owner" "postgres-edge" "postgres-sales" "postgres-stock" "postgres-receipts" "postgres-identity")
  "keys" (list "receipts.ed25519" "tokens.ed25519" "pins.pepper") -}}
{{- if .Values.monitoring.exporters.postgresql.enabled -}}
{{- $_ := set $groups "monitor" (list "postgres-monitor") -}}
{{- end -}}
{{- $groups | toJson -}}
{{- end -}}

{{/* The existing Secret of a group, or nothing: (list $ "nats"). */}}
{{- define "tillstream.secretExisting" -}}
{{- $values := (index . 0).Values -}}
{{- index (dict
  "nats" $values.nats.auth.existingSecret
  "postgresql" $values.postgresql.auth.existingSecret
  "keys" $values.keys.existingSecret
  "monitor" $values.monitoring.exporters.postgresql.existingSecret) (index . 1) -}}
{{- end -}}

{{/* The name of a group's Secret: (list $ "nats"). */}}
{{- define "tillstream.secret" -}}
{{- include "tillstream.secretExisting" . | default (printf "%s-%s" (include "tillstream.fullname" (index . 0)) (printf "%s-secrets" (index . 1))) -}}
{{- end -}}

{{/* A volume of just the secret files that a pod needs: a dictionary with root, and a list of keys for each group. */}}
{{- define "tillstream.secretsVolume" -}}
{{- $root := .root -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $group := list "nats" "postgresql" "keys" "monitor" }}
      {{- with index $ $group }}
      - secret:
          name: {{ include "tillstream.secret" (list $root $group) }}
          items:
            {{- range . }}
            - {key: {{ . }}, path: {{ . }}}
            {{- end }}
      {{- end }}
      {{- end }}
{{- end -}}

{{- define "tillstream.secretsMount" -}}
- {name: secrets, mountPath: /etc/tillstream/secrets, readOnly: true}
{{- end -}}
