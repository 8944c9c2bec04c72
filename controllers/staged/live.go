package staged

import (
	"strconv"

	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// maxLiveShards bounds the text that says which shards are in the sums. Shards beyond it are
// missing from the live numbers only.
const maxLiveShards = 1024

// Accuracy sums test accuracy over members that did not diverge.
type Accuracy struct {
	Members, Diverged int
	Sum, Squares      float64
}

// Add adds another sum.
func (a *Accuracy) Add(b Accuracy) {
	a.Members, a.Diverged = a.Members+b.Members, a.Diverged+b.Diverged
	a.Sum, a.Squares = a.Sum+b.Sum, a.Squares+b.Squares
}

// AccuracyOf reads a pod's report. A pod's word is bounded by its shard of size members; false
// when it says nothing that can be right.
func AccuracyOf(s *v1alpha1.RunReportStatus, size int) (Accuracy, bool) {
	diverged := int(ptr.Deref(s.MembersDiverged, 0))
	return readAccuracy(int(ptr.Deref(s.Members, 0))-diverged, diverged, size, s.TestAccuracySum, s.TestAccuracySquares)
}

// AccuracyOfStage reads the sums over the finished shards of a stage.
func AccuracyOfStage(s *v1alpha1.StageStatus, size int) (Accuracy, bool) {
	return readAccuracy(int(ptr.Deref(s.Live.Members, 0)), int(ptr.Deref(s.Live.Diverged, 0)), size, s.Live.TestAccuracySum, s.Live.TestAccuracySquares)
}

func readAccuracy(members, diverged, size int, sum, squares v1alpha1.Decimal) (Accuracy, bool) {
	a, err1 := strconv.ParseFloat(string(sum), 64)
	b, err2 := strconv.ParseFloat(string(squares), 64)
	if members == 0 && diverged > 0 && diverged <= size {
		return Accuracy{Diverged: diverged}, true
	}
	n := float64(members) * (1 + 1e-9) // sums of ones may be rounded up
	ok := members > 0 && diverged >= 0 && members+diverged <= size && err1 == nil && err2 == nil && a >= 0 && a <= n && b >= 0 && b <= n
	return Accuracy{Members: members, Diverged: diverged, Sum: a, Squares: b}, ok
}

// fold adds the last reports of finished shards to the stage's sums, so that the reports can go.
// A shard's number enters status in the same write as its sums, and its report is deleted only
// by a pass that saw both stored: a crash at any point neither loses nor doubles it.
func (r *stageRun) fold() {
	own := map[string]bool{}
	for i := range r.pods {
		own[r.pods[i].Name] = true
	}
	stored := ParseIndexes(r.state.Live.Shards, len(r.spec.Shards))
	sums, ok := AccuracyOfStage(r.state, membersOf(r.spec))
	if !ok {
		sums, stored = Accuracy{}, Indexes{} // nothing, or damaged by hand
	}
	before := stored.Len()
	for i := range r.o.Reports {
		report := &r.o.Reports[i]
		shard := int(ptr.Deref(report.Spec.Shard, -1))
		if !own[report.Name] || !r.a.Progress.Completed.Has(shard) || stored.Has(shard) {
			continue
		}
		last, ok := AccuracyOf(&report.Status, r.spec.Shards[shard].To-r.spec.Shards[shard].From)
		next := stored.Add(shard)
		if !ok || len(next.String()) > maxLiveShards {
			continue
		}
		stored = next
		sums.Add(last)
		r.a.folding[report.Name] = true
	}
	if stored.Len() == before {
		return
	}
	r.state.Live = v1alpha1.LiveSums{
		Shards: stored.String(), Members: ptr.To(int32(sums.Members)), Diverged: ptr.To(int32(sums.Diverged)),
		TestAccuracySum: exact(sums.Sum), TestAccuracySquares: exact(sums.Squares),
	}
}

// membersOf is the number of members that the shards of a stage hold.
func membersOf(s *spec.Stage) int {
	n := 0
	for _, shard := range s.Shards {
		n += shard.To - shard.From
	}
	return n
}

func exact(f float64) v1alpha1.Decimal {
	return v1alpha1.Decimal(strconv.FormatFloat(f, 'g', -1, 64))
}
