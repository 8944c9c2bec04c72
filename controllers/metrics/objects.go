package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// scrapeTimeout bounds a scrape; the cache answers from memory.
const scrapeTimeout = 5 * time.Second

// objects counts objects by kind and reason of Ready when it is scraped, so that no counter
// can drift and deleted objects leave nothing behind.
type objects struct {
	cache client.Reader
	desc  *prometheus.Desc
}

// RegisterObjects exposes weightspace_objects from a cache.
func RegisterObjects(cache client.Reader) {
	c := &objects{cache: cache, desc: prometheus.NewDesc(namespace+"_objects", "Objects by kind and reason of their Ready condition.", []string{"kind", "reason"}, nil)}
	if err := ctrlmetrics.Registry.Register(c); err != nil {
		// A second manager in one process: the first one's numbers stay.
		return
	}
}

// Describe implements prometheus.Collector.
func (c *objects) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector.
func (c *objects) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout) //nolint:forbidigo // Collect is given no context
	defer cancel()
	var zoos v1alpha1.ModelZooList
	var datasets v1alpha1.DatasetList
	var analyses v1alpha1.ZooAnalysisList
	if c.cache.List(ctx, &zoos) != nil || c.cache.List(ctx, &datasets) != nil || c.cache.List(ctx, &analyses) != nil {
		return // the cache is not filled yet
	}
	counts := map[[2]string]float64{}
	for i := range zoos.Items {
		counts[[2]string{"ModelZoo", readyReason(zoos.Items[i].Status.Conditions)}]++
	}
	for i := range datasets.Items {
		counts[[2]string{"Dataset", readyReason(datasets.Items[i].Status.Conditions)}]++
	}
	for i := range analyses.Items {
		counts[[2]string{"ZooAnalysis", readyReason(analyses.Items[i].Status.Conditions)}]++
	}
	for k, n := range counts {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, n, k[0], k[1])
	}
}

func readyReason(conditions []metav1.Condition) string {
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return v1alpha1.ReasonPending
}
