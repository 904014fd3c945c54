{{/* Derives the public key, so that the edge's own container never holds what signs tokens. */}}
{{- define "tillstream.edge.tokens" -}}
- name: tokens
  image: {{ include "tillstream.image" (list . "pos") }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [secrets, public, --key, /etc/tillstream/key/tokens.ed25519, --out, /etc/tillstream/tokens/tokens.pub]
  resources: {{- toYaml .Values.setup.resources | nindent 4 }}
  {{- include "tillstream.container" . | nindent 2 }}
  volumeMounts:
    - {name: key, mountPath: /etc/tillstream/key, readOnly: true}
    - {name: tokens, mountPath: /etc/tillstream/tokens}
{{- end -}}

{{- define "tillstream.edge.volumes" -}}
{{- if .Values.edge.tokensPublicKey -}}
- name: tokens
  configMap: {name: {{ include "tillstream.name" (list . "edge") }}-tokens, defaultMode: 0444}
{{- else -}}
- name: tokens
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: key
  secret:
    secretName: {{ include "tillstream.secret" (list . "keys") }}
    defaultMode: 0440
    items: [{key: tokens.ed25519, path: tokens.ed25519}]
{{- end -}}
{{- end -}}

{{/* All that the public may reach. */}}
{{- define "tillstream.route.paths" -}}
{{- list "/v1" "/docs" "/openapi.json" | toJson -}}
{{- end -}}
