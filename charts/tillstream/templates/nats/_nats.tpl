{{- define "tillstream.nats.conf" -}}
# The server's name is its pod's: KEDA finds the leader of a consumer by it.
server_name: $POD_NAME
port: 4222
http_port: 8222
pid_file: "/run/nats/nats.pid"
{{- if gt (int .Values.nats.replicas) 1 }}
# On SIGUSR2, which preStop sends: clients are asked to go elsewhere, leaders are moved, and then it ends.
lame_duck_grace_period: "5s"
lame_duck_duration: "30s"
{{- end }}

jetstream {
  store_dir: "/data"
  max_file_store: {{ include "tillstream.nats.maxFileStore" . }}
  # What is acknowledged is on the disk. A sale is answered because of it.
  sync_interval: always
}
{{- if gt (int .Values.nats.replicas) 1 }}

cluster {
  name: "{{ include "tillstream.fullname" . }}"
  port: 6222
  # Clients know all servers by name; addresses of pods would be stale after a restart.
  no_advertise: true
  # Whoever reaches this port and knows the password is a server, and has every message.
  authorization {
    user: "routes"
    password: $ROUTES_PASSWORD
  }
  routes: $ROUTES
}
{{- end }}

# Users and what each may do, from the passwords; made by the init container. The path is relative to this file.
include "../authorization/nats.conf"
{{- end -}}

{{/*
What nats.conf takes from the environment about routes. NATS reads such a value as configuration, so strings are in quotes: a
bare hexadecimal password could be taken for a number.
*/}}
{{- define "tillstream.nats.routes" -}}
{{- $routes := list -}}
{{- range $i := until (int .Values.nats.replicas) -}}
{{- $routes = append $routes (printf "nats-route://routes:$(ROUTES_SECRET)@%s:6222" (include "tillstream.nats.host" (list $ $i))) -}}
{{- end -}}
- name: ROUTES_SECRET
  valueFrom: {secretKeyRef: {name: {{ include "tillstream.secret" (list . "nats") }}, key: nats-routes}}
- {name: ROUTES_PASSWORD, value: '"$(ROUTES_SECRET)"'}
- {name: ROUTES, value: {{ toJson $routes | squote }}}
{{- end -}}

{{- define "tillstream.gi" -}}
{{- mul (trimSuffix "Gi" . | int64) 1073741824 -}}
{{- end -}}

{{/* Nine tenths of the volume: the rest is for what NATS keeps beside the messages. */}}
{{- define "tillstream.nats.maxFileStore" -}}
{{- div (mul (include "tillstream.gi" .Values.nats.storage.size | int64) 9) 10 -}}
{{- end -}}
