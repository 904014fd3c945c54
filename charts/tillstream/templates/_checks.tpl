{{/* What a schema cannot say, because one value depends on another. Nothing is rendered when one does not hold. */}}
{{- define "tillstream.checks" -}}
{{- $topology := .Values.topology -}}
{{- $copies := include "tillstream.copies" . | int -}}

{{- if .Values.nats.enabled -}}
{{- /* Whatever became of the StatefulSet: the volumes say of how many servers they are. */ -}}
{{- $volume := printf "data-%s" (include "tillstream.name" (list . "nats")) -}}
{{- $one := lookup "v1" "PersistentVolumeClaim" .Release.Namespace (printf "%s-0" $volume) -}}
{{- $more := lookup "v1" "PersistentVolumeClaim" .Release.Namespace (printf "%s-1" $volume) -}}
{{- if and (gt (int .Values.nats.replicas) 1) $one (not $more) -}}
{{- fail (printf "the claim %s-0 is that of a single NATS server, and a cluster would delete its streams: docs/operations/helm.md says how to go from one server to three" $volume) -}}
{{- else if and (eq (int .Values.nats.replicas) 1) $more -}}
{{- fail (printf "the claim %s-1 is that of a cluster of NATS servers, and a single one has not all of its streams: docs/operations/helm.md says how to go from three servers to one" $volume) -}}
{{- end -}}
{{- if gt $copies (int .Values.nats.replicas) -}}
{{- fail (printf "topology.replicas is %d, but nats.replicas is %d" $copies (int .Values.nats.replicas)) -}}
{{- end -}}
{{- $need := add (mul (int64 $topology.partitions) (add (int64 $topology.commandsMaxBytes) (int64 $topology.eventsMaxBytes))) (int64 $topology.deadMaxBytes) (int64 $topology.identityMaxBytes) -}}
{{- $have := include "tillstream.nats.maxFileStore" . | int64 -}}
{{- if gt $need $have -}}
{{- fail (printf "the topology may take %d bytes, but nine tenths of nats.storage.size (%s) are %d" $need .Values.nats.storage.size $have) -}}
{{- end -}}
{{- else if and .Values.networkPolicies.enabled (not .Values.nats.external.cidrs) -}}
{{- fail "nats.external.cidrs is needed: networkPolicies.enabled denies everything that is not listed" -}}
{{- end -}}

{{- $connections := mul 8 (int (ternary .Values.edge.autoscaling.maxReplicas .Values.edge.replicas .Values.edge.autoscaling.enabled)) -}}
{{- with dig "database" "max_connections" 0 .Values.edge.settings -}}
{{- $connections = div (mul $connections (int .)) 8 -}}
{{- end -}}
{{- if lt (int .Values.edge.gracePeriodSeconds) (add 14 (int .Values.edge.preStopSeconds) | int) -}}
{{- fail (printf "edge.gracePeriodSeconds is %d, but preStopSeconds and 13 s of draining must fit" (int .Values.edge.gracePeriodSeconds)) -}}
{{- end -}}
{{- if gt (int .Values.edge.autoscaling.minReplicas) (int .Values.edge.autoscaling.maxReplicas) -}}
{{- fail "edge.autoscaling.minReplicas is more than maxReplicas" -}}
{{- end -}}

{{- range $name, $values := include "tillstream.workers" . | fromJson -}}
{{- $most := int (ternary $values.autoscaling.maxReplicas $values.replicas $values.autoscaling.enabled) -}}
{{- $each := dig "database" "max_connections" (ternary 4 6 (has $name (list "sales" "identity"))) $values.settings | int -}}
{{- $connections = add $connections (mul $most $each) -}}
{{- /* One for each consumer of a partition, and for what is done beside: see the workers' settings.toml. */ -}}
{{- $partitions := int $topology.partitions -}}
{{- $least := get (dict "sales" (add 2 $partitions) "stock" (add 3 (mul 2 $partitions)) "receipts" (add 4 $partitions) "identity" (add 2 $partitions)) $name | int -}}
{{- if lt $each $least -}}
{{- fail (printf "the %s worker needs settings.database.max_connections of at least %d for %d partitions" $name $least $partitions) -}}
{{- end -}}
{{- if le (int64 (mul 1000 (int64 $values.gracePeriodSeconds))) (int64 (add 15000 (int64 $topology.ackWaitMs))) -}}
{{- fail (printf "gracePeriodSeconds of the %s worker is %d, but topology.ackWaitMs and 15 s of draining must fit" $name (int $values.gracePeriodSeconds)) -}}
{{- end -}}
{{- if gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas) -}}
{{- fail (printf "autoscaling.minReplicas of the %s worker is more than maxReplicas" $name) -}}
{{- end -}}
{{- end -}}

{{- if .Values.postgresql.enabled -}}
{{- if lt (int .Values.postgresql.maxConnections) (add $connections 10 | int) -}}
{{- fail (printf "postgresql.maxConnections is %d, but the pods at their most need %d and ten are for others" (int .Values.postgresql.maxConnections) $connections) -}}
{{- end -}}
{{- else if and .Values.networkPolicies.enabled (not .Values.postgresql.external.cidrs) -}}
{{- fail "postgresql.external.cidrs is needed: networkPolicies.enabled denies everything that is not listed" -}}
{{- end -}}
{{- if and (has .Values.postgresql.external.sslMode (list "verify-ca" "verify-full")) (not .Values.postgresql.enabled) (not .Values.postgresql.external.caSecret) -}}
{{- fail "postgresql.external.caSecret is needed to verify the server" -}}
{{- end -}}

{{- if and (eq .Values.route.type "gateway") (not .Values.route.gateway.create) (not .Values.route.gateway.parentRefs) -}}
{{- fail "route.gateway needs parentRefs, or create" -}}
{{- end -}}
{{- $exporter := .Values.monitoring.exporters.postgresql -}}
{{- if and $exporter.enabled (not .Values.postgresql.enabled) (not $exporter.existingSecret) -}}
{{- fail "monitoring.exporters.postgresql.existingSecret is needed: in an external PostgreSQL you make the role tillstream_monitor yourself" -}}
{{- end -}}
{{- if and .Values.monitoring.exporters.nats.enabled (not .Values.nats.enabled) -}}
{{- fail "monitoring.exporters.nats runs beside NATS in the cluster; an external NATS has its own" -}}
{{- end -}}
{{- end -}}
