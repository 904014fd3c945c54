{{- define "tillstream.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The name of a part: (list $ "edge"). */}}
{{- define "tillstream.name" -}}
{{- printf "%s-%s" (include "tillstream.fullname" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* What a part's pods are selected by: (list $ "edge"). Never changes, for selectors cannot. */}}
{{- define "tillstream.selector" -}}
app.kubernetes.io/name: {{ default (index . 0).Chart.Name (index . 0).Values.nameOverride }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* What all pods of the release are selected by. */}}
{{- define "tillstream.selectorOfAll" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of a resource: (list $ "edge"). */}}
{{- define "tillstream.labels" -}}
{{- $root := index . 0 -}}
{{ include "tillstream.selector" . }}
app.kubernetes.io/part-of: tillstream
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ default $root.Chart.AppVersion $root.Values.image.tag | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a part's pods: (list $ "edge"). Without versions, so that what does not change does not restart. */}}
{{- define "tillstream.podLabels" -}}
{{ include "tillstream.selector" . }}
app.kubernetes.io/part-of: tillstream
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image of ours: (list $ "edge"). */}}
{{- define "tillstream.image" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $tag := default $root.Chart.AppVersion $root.Values.image.tag -}}
{{- include "tillstream.imageOf" (dict "repository" (printf "%s/%s" $root.Values.image.registry $name) "tag" $tag "digest" (index $root.Values.image.digests $name)) -}}
{{- end -}}

{{/* Another's image: a dictionary with repository, tag and digest. */}}
{{- define "tillstream.imageOf" -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository .tag -}}
{{- end -}}
{{- end -}}

{{/* The workers, from what holds for all and what differs for each: worker → values. JSON. */}}
{{- define "tillstream.workers" -}}
{{- $workers := dict -}}
{{- range $name := list "sales" "stock" "receipts" "identity" -}}
{{- $values := mergeOverwrite (deepCopy (omit $.Values.workers "each")) (deepCopy (index $.Values.workers.each $name)) -}}
{{- $_ := set $workers $name $values -}}
{{- end -}}
{{- $workers | toJson -}}
{{- end -}}

{{/* The consumers of a worker and the classes of their streams, as in libs/bus/src/topology.rs. */}}
{{- define "tillstream.consumes" -}}
{{- index (dict
  "sales" (list (list "COMMANDS" "sales") (list "COMMANDS" "customers"))
  "stock" (list (list "COMMANDS" "stock") (list "EVENTS" "stock"))
  "receipts" (list (list "EVENTS" "receipts"))
  "identity" (list (list "COMMANDS" "identity"))) . | toJson -}}
{{- end -}}

{{/* Copies of each message. */}}
{{- define "tillstream.copies" -}}
{{- if .Values.topology.replicas -}}
{{- .Values.topology.replicas | int -}}
{{- else if .Values.nats.enabled -}}
{{- .Values.nats.replicas | int -}}
{{- else -}}
3
{{- end -}}
{{- end -}}
