{{- define "akidb-embed.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "akidb-embed.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "akidb-embed.labels" -}}
{{ include "akidb-embed.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "akidb-embed.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "akidb-embed.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- define "akidb-embed.claim" -}}
{{- if .Values.model.volume.existingClaim -}}
{{ .Values.model.volume.existingClaim }}
{{- else if .Values.model.volume.create -}}
{{ include "akidb-embed.fullname" . }}-models
{{- end -}}
{{- end -}}

{{- define "akidb-embed.queueAgeMetric" -}}
- type: Pods
  pods:
    metric:
      name: {{ .Values.autoscaling.queueAge.metric }}
    target:
      type: AverageValue
      averageValue: {{ .Values.autoscaling.queueAge.target }}
{{- end -}}
