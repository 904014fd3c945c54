{{/*
What all pods have: (list $ component), and the user's number if it is not that of our images. Everything that Kubernetes
calls restricted, and no token of an account.
*/}}
{{- define "tillstream.pod" -}}
{{- $root := index . 0 -}}
{{- $user := 10001 -}}
{{- if gt (len .) 2 -}}
{{- $user = index . 2 -}}
{{- end -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "tillstream.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Where a pod may run: its values. */}}
{{- define "tillstream.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Over zones and nodes, as evenly as there is room: (list $ component). */}}
{{- define "tillstream.spread" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    # Old and new pods of a rollout are counted apart.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels: {{- include "tillstream.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* The probes of a binary of ours. /readyz asks NATS and PostgreSQL; a pod is not killed because they are away. */}}
{{- define "tillstream.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 1
  timeoutSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 3
  # Its own checks may each take a second.
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
{{- end -}}

{{/* A PodDisruptionBudget: (list $ component maxUnavailable). */}}
{{- define "tillstream.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "tillstream.name" . }}
  labels: {{- include "tillstream.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ index . 2 }}
  # A pod that is not ready serves nobody: it must not stand in the way of a node's drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "tillstream.selector" . | nindent 6 }}
{{- end -}}
