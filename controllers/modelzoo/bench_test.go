package modelzoo

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wt "github.com/weightspace/weightspace/controllers/testing"
)

// BenchmarkReconcileUnchanged reconciles a finished zoo beside 1,000 others. The fake client
// encodes every read, so the manager's cache is faster than this.
func BenchmarkReconcileUnchanged(b *testing.B) {
	w := scenario(false).AtRest(b)
	r := w.Reconciler()
	for i := range 1000 {
		z := wt.MakeZoo("ns", fmt.Sprintf("zoo-%d", i)).Obj()
		z.UID = types.UID(z.Name)
		if err := w.Create(b.Context(), z); err != nil {
			b.Fatal(err)
		}
	}
	req := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "ns", Name: "zoo"}}
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := r.Reconcile(b.Context(), req); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
}
