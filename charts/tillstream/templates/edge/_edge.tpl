{{/* All that the public may reach. */}}
{{- define "tillstream.route.paths" -}}
{{- list "/v1" "/docs" "/openapi.json" | toJson -}}
{{- end -}}
