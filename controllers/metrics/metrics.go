// Package metrics holds the manager's metrics. Labels are bounded: kinds, stages, reasons;
// never names of objects.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

const namespace = "weightspace"

var (
	stageSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "stage_completion_seconds",
		Help:    "Seconds from the first Job of a plan to the completion of a stage.",
		Buckets: prometheus.ExponentialBuckets(1, 3, 12),
	}, []string{"kind", "stage"})
	shardFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "shard_failures_total",
		Help: "Sampled shard failures by reason.",
	}, []string{"kind", "stage", "reason"})
	cleanupAbandoned = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "cleanup_abandoned_total",
		Help: "Deleted objects whose artifacts could not be removed and stay in the store.",
	}, []string{"kind"})
)

func init() { ctrlmetrics.Registry.MustRegister(stageSeconds, shardFailures, cleanupAbandoned) }

// knownFailures bounds the reason label: pods write reasons, and a pod is not trusted.
var knownFailures = map[string]bool{
	"OutOfMemory": true, "InvalidInput": true, "Incomplete": true, "StoreUnavailable": true, "Error": true,
}

// StageDone records the completion of a stage.
func StageDone(kind, stage string, after time.Duration) {
	stageSeconds.WithLabelValues(kind, stage).Observe(after.Seconds())
}

// ShardFailed counts a shard's failure.
func ShardFailed(kind, stage, reason string) {
	if !knownFailures[reason] {
		reason = "Other"
	}
	shardFailures.WithLabelValues(kind, stage, reason).Inc()
}

// CleanupAbandoned counts an artifact that was left behind.
func CleanupAbandoned(kind string) { cleanupAbandoned.WithLabelValues(kind).Inc() }
