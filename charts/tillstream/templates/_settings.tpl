{{/* A value in TOML. Numbers in values are floats: a whole one is written as an integer. */}}
{{- define "tillstream.toml.value" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* A table in TOML, plain values before tables: (list path table). */}}
{{- define "tillstream.toml" -}}
{{- $path := index . 0 -}}
{{- range $key, $value := index . 1 }}
{{- if not (kindIs "map" $value) }}
{{ $key }} = {{ include "tillstream.toml.value" $value }}
{{- end }}
{{- end }}
{{- range $key, $value := index . 1 }}
{{- if kindIs "map" $value }}
{{- $inner := ternary $key (printf "%s.%s" $path $key) (empty $path) }}

[{{ $inner }}]
{{- include "tillstream.toml" (list $inner $value) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The settings of a binary: (list $ "sales" extra). The chart's own win over the values', which the schema keeps apart. */}}
{{- define "tillstream.settings" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- $own := dict
  "process" (dict "listen" "0.0.0.0:9100" "log_format" $root.Values.log.format "log_filter" $root.Values.log.filter)
  "bus" (dict "url" (include "tillstream.nats.url" $root) "user" $role "password_file" (printf "/etc/tillstream/secrets/nats-%s" $role) "partitions" $root.Values.topology.partitions)
  "database" (dict "password_file" (printf "/etc/tillstream/secrets/postgres-%s" $role))
-}}
{{- with $root.Values.tracing.endpoint -}}
{{- $_ := set $own "tracing" (dict "endpoint" . "sample_ratio" $root.Values.tracing.sampleRatio) -}}
{{- end -}}
{{- if eq $role "edge" -}}
{{- $_ := set $own "listen" "0.0.0.0:8080" -}}
{{- if $root.Values.tracing.endpoint -}}
{{- $_ := set $own.tracing "trust_clients" $root.Values.tracing.trustClients -}}
{{- end -}}
{{- $_ := set $own "tokens" (dict "key_file" "/etc/tillstream/secrets/tokens.ed25519") -}}
{{- $_ := set $own "pins" (dict "pepper_file" "/etc/tillstream/secrets/pins.pepper") -}}
{{- $_ := set $own.database "url" (include "tillstream.postgresql.url" (list $root "tillstream_edge" "read")) -}}
{{- /* What a route brings stands between the clients and the edge; Google's balancer appends its own address too. */ -}}
{{- $proxies := ternary 0 (ternary 2 1 $root.Values.route.gke.enabled) (eq $root.Values.route.type "none") -}}
{{- $_ := set $own "http" (dict "trusted_proxies" (dig "http" "trusted_proxies" $proxies (index . 2))) -}}
{{- else -}}
{{- $_ := set $own "worker" (dict "ack_wait_ms" $root.Values.topology.ackWaitMs) -}}
{{- $_ := set $own.database "url" (include "tillstream.postgresql.url" (list $root (printf "tillstream_%s" $role))) -}}
{{- end -}}
{{- if eq $role "receipts" -}}
{{- $_ := set $own "signing" (dict "key_file" "/etc/tillstream/secrets/receipts.ed25519") -}}
{{- end -}}
{{- $settings := mergeOverwrite (deepCopy (index . 2)) $own -}}
{{- include "tillstream.toml" (list "" $settings) | trim }}
{{- end -}}
