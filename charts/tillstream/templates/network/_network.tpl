{{/* The cluster's DNS. */}}
{{- define "tillstream.network.dns" -}}
{{- $dns := .Values.networkPolicies.dns -}}
{{- range $dns.pods }}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ $dns.namespace }}}
  podSelector:
    matchLabels: {{- toYaml . | nindent 6 }}
{{- end }}
{{- range $dns.cidrs }}
- ipBlock: {cidr: {{ . }}}
{{- end }}
{{- end -}}

{{/* Who may call the API: load balancers and gateways, by address or namespace. */}}
{{- define "tillstream.network.public" -}}
{{- range .Values.networkPolicies.public.cidrs }}
- ipBlock: {cidr: {{ . }}}
{{- end }}
{{- range .Values.networkPolicies.public.namespaces }}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ . }}}
{{- end }}
{{- end -}}

{{- define "tillstream.network.scraper" -}}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicies.monitoringNamespace }}}
{{- end -}}

{{- define "tillstream.network.toServers" -}}
{{- if .Values.nats.enabled -}}
- to:
    - podSelector:
        matchLabels: {{- include "tillstream.selector" (list . "nats") | nindent 10 }}
  ports: [{protocol: TCP, port: 4222}]
{{- else -}}
- to:
    {{- range .Values.nats.external.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  ports:
    {{- range splitList "," .Values.nats.external.url }}
    - {protocol: TCP, port: {{ regexFind ":[0-9]+$" . | trimPrefix ":" | default "4222" }}}
    {{- end }}
{{- end }}
{{ include "tillstream.network.toPostgresql" . }}
{{- end -}}

{{- define "tillstream.network.toPostgresql" -}}
{{- if .Values.postgresql.enabled -}}
- to:
    - podSelector:
        matchLabels: {{- include "tillstream.selector" (list . "postgresql") | nindent 10 }}
  ports: [{protocol: TCP, port: 5432}]
{{- else -}}
- to:
    {{- range .Values.postgresql.external.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  ports: [{protocol: TCP, port: {{ .Values.postgresql.external.port }}}]
{{- end -}}
{{- end -}}

{{- define "tillstream.network.toCollector" -}}
{{- if .Values.tracing.endpoint -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicies.tracing.namespace }}}
  ports: [{protocol: TCP, port: {{ .Values.networkPolicies.tracing.port }}}]
{{- end -}}
{{- end -}}
