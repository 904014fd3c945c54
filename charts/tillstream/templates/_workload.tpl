{{/*
A binary of ours: its settings, its Deployment and its budget. Edge and workers differ in what they are given here:
  root, role (edge, sales, …), component (edge, sales-worker, …), values, autoscaled,
  secrets (for tillstream.secretsVolume), and optionally ports, lifecycle (YAML).
*/}}
{{- define "tillstream.workload" -}}
{{- $root := .root -}}
{{- $part := list $root .component -}}
{{- $name := include "tillstream.name" $part -}}
{{- $settings := include "tillstream.settings" (list $root .role .values.settings) -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels: {{- include "tillstream.labels" $part | nindent 4 }}
data:
  settings.toml: |
    {{- $settings | nindent 4 }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "tillstream.labels" $part | nindent 4 }}
spec:
  {{- if not .autoscaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    # No pod leaves before its successor is ready.
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels: {{- include "tillstream.selector" $part | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "tillstream.podLabels" $part | nindent 8 }}
        {{- with .values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ sha256sum $settings }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "tillstream.pod" $part | nindent 6 }}
      terminationGracePeriodSeconds: {{ .values.gracePeriodSeconds }}
      {{- include "tillstream.spread" $part | nindent 6 }}
      {{- include "tillstream.placement" .values | nindent 6 }}
      containers:
        - name: {{ .component }}
          image: {{ include "tillstream.image" $part }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [--config, /etc/tillstream/settings/settings.toml]
          ports:
            {{- with .ports }}
            {{- . | nindent 12 }}
            {{- end }}
            - {name: admin, containerPort: 9100}
          {{- include "tillstream.probes" . | nindent 10 }}
          {{- with .lifecycle }}
          lifecycle: {{- . | nindent 12 }}
          {{- end }}
          resources: {{- toYaml .values.resources | nindent 12 }}
          {{- include "tillstream.container" . | nindent 10 }}
          volumeMounts:
            - {name: settings, mountPath: /etc/tillstream/settings, readOnly: true}
            {{- include "tillstream.secretsMount" . | nindent 12 }}
            {{- with include "tillstream.postgresql.caMount" $root }}
            {{- . | nindent 12 }}
            {{- end }}
      volumes:
        - name: settings
          configMap: {name: {{ $name }}, defaultMode: 0444}
        {{- include "tillstream.secretsVolume" (merge (dict "root" $root) .secrets) | nindent 8 }}
        {{- with include "tillstream.postgresql.caVolume" $root }}
        {{- . | nindent 8 }}
        {{- end }}
---
{{ include "tillstream.disruptionBudget" (append $part .values.maxUnavailable) }}
---
# Only for Prometheus, which finds pods through it, also those that are not ready.
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}-admin
  labels:
    {{- include "tillstream.labels" $part | nindent 4 }}
    tillstream/scrape: {{ .component }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "tillstream.selector" $part | nindent 4 }}
  ports:
    - {name: admin, port: 9100, targetPort: admin}
{{- end -}}
