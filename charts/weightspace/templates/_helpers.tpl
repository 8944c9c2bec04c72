{{/* Labels that select the manager's pods. */}}
{{- define "weightspace.selector" -}}
app.kubernetes.io/name: weightspace
app.kubernetes.io/component: manager
{{- end }}

{{/* Labels of every object. */}}
{{- define "weightspace.labels" -}}
{{ include "weightspace.selector" . }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* An image reference; call with (list . .Values.image). */}}
{{- define "weightspace.image" -}}
{{- $top := index . 0 }}{{ $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default $top.Chart.AppVersion }}
{{- end -}}
{{- end }}
