package staged

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

func TestIndexesAdd(t *testing.T) {
	for name, tc := range map[string]struct {
		add  []int
		want string
	}{
		"none":       {nil, ""},
		"one":        {[]int{3}, "3"},
		"twice":      {[]int{3, 3}, "3"},
		"up":         {[]int{0, 1, 2}, "0-2"},
		"down":       {[]int{2, 1, 0}, "0-2"},
		"bridge":     {[]int{0, 2, 1}, "0-2"},
		"two ranges": {[]int{5, 0, 6}, "0,5-6"},
		"negative":   {[]int{-1}, ""},
	} {
		var x Indexes
		for _, i := range tc.add {
			x = x.Add(i)
		}
		if got := x.String(); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if back := ParseIndexes(x.String(), 10); back.Len() != x.Len() {
			t.Errorf("%s: %d shards after a round trip, want %d", name, back.Len(), x.Len())
		}
	}
}

func FuzzIndexesAdd(f *testing.F) {
	f.Add([]byte{1, 0, 2, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		var x Indexes
		want := map[byte]bool{}
		for _, b := range in {
			x = x.Add(int(b))
			want[b] = true
		}
		if x.Len() != len(want) || ParseIndexes(x.String(), 256).String() != x.String() {
			t.Fatalf("%v: %s", in, x)
		}
	})
}

func TestAccuracyOf(t *testing.T) {
	status := func(members, diverged int32, sum, squares string) v1alpha1.RunReportStatus {
		return v1alpha1.RunReportStatus{Members: ptr.To(members), MembersDiverged: ptr.To(diverged), TestAccuracySum: v1alpha1.Decimal(sum), TestAccuracySquares: v1alpha1.Decimal(squares)}
	}
	for name, tc := range map[string]struct {
		in   v1alpha1.RunReportStatus
		want bool
	}{
		"good":            {status(4, 1, "1.5", "0.75"), true},
		"all diverged":    {status(4, 4, "", ""), true},
		"nothing yet":     {v1alpha1.RunReportStatus{}, false},
		"too many":        {status(5, 0, "1", "1"), false},
		"too much":        {status(2, 0, "2.1", "1"), false},
		"squares":         {status(2, 0, "1", "2.1"), false},
		"negative":        {status(2, 0, "-1", "1"), false},
		"not a number":    {status(2, 0, "NaN", "1"), false},
		"text":            {status(2, 0, "x", "1"), false},
		"more diverged":   {status(2, 3, "1", "1"), false},
		"minus diverged":  {status(2, -3, "1", "1"), false},
		"ones rounded up": {status(3, 0, "3.0000000000000004", "3.0000000000000004"), true},
	} {
		if _, ok := AccuracyOf(&tc.in, 4); ok != tc.want {
			t.Errorf("%s: %v, want %v", name, ok, tc.want)
		}
	}
}

// foldScene is a stage of three shards of two members, of which those in completed have finished.
func foldScene(completed string, state v1alpha1.StageStatus, reports ...v1alpha1.RunReport) *stageRun {
	r := &stageRun{
		o: &Observed{Reports: reports}, a: &Actions{folding: map[string]bool{}}, state: &state,
		spec: &spec.Stage{Name: spec.StageTrain, Shards: []spec.Shard{{To: 2}, {From: 2, To: 4}, {From: 4, To: 6}}},
	}
	r.a.Progress.Completed = ParseIndexes(completed, 3)
	for _, report := range reports {
		if report.Name != "stranger" {
			r.pods = append(r.pods, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: report.Name}})
		}
	}
	return r
}

func reportOf(name string, shard, members int32, sum v1alpha1.Decimal) v1alpha1.RunReport {
	return v1alpha1.RunReport{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.RunReportSpec{Shard: ptr.To(shard)},
		Status: v1alpha1.RunReportStatus{Members: ptr.To(members), TestAccuracySum: sum, TestAccuracySquares: sum},
	}
}

func TestFold(t *testing.T) {
	a, b := reportOf("a", 0, 2, "1.5"), reportOf("b", 1, 2, "0.5")
	r := foldScene("0", v1alpha1.StageStatus{}, a, b, reportOf("stranger", 0, 2, "2"))
	r.fold()
	if got := r.state.Live; got.Shards != "0" || *got.Members != 2 || got.TestAccuracySum != "1.5" || !r.a.folding["a"] || r.a.folding["b"] || r.a.folding["stranger"] {
		t.Fatalf("first shard: %+v, folding %v", got, r.a.folding)
	}
	// Not stored: the same pass again, from the same report, gives the same. Its report stays.
	again := foldScene("0", v1alpha1.StageStatus{}, a, b)
	again.fold()
	if again.state.Live.TestAccuracySum != r.state.Live.TestAccuracySum {
		t.Error("a pass whose write failed is not repeated as it was")
	}
	again.a.deleteReports(again.o, nil)
	if names := deletedNames(again.a); !slices.Equal(names, []string{"b"}) {
		t.Errorf("deletes %v before the sums are stored", names)
	}
	// Stored: the report counts no more, and goes; the other shard joins.
	next := foldScene("0-1", *r.state, a, b)
	next.fold()
	if got := next.state.Live; got.Shards != "0-1" || *got.Members != 4 || got.TestAccuracySum != "2" || next.a.folding["a"] {
		t.Fatalf("second shard: %+v, folding %v", got, next.a.folding)
	}
	next.a.deleteReports(next.o, nil)
	if names := deletedNames(next.a); !slices.Equal(names, []string{"a"}) {
		t.Errorf("deletes %v after the first shard's sums are stored", names)
	}
	// A second pod of a finished shard, an impossible report and a damaged status count nothing.
	last := foldScene("0-2", *next.state, reportOf("a2", 0, 2, "2"), reportOf("c", 2, 2, "7"))
	last.fold()
	if *last.state.Live.Members != 4 || len(last.a.folding) != 0 {
		t.Errorf("folded what it must not: %+v", last.state.Live)
	}
	damaged := *next.state
	damaged.Live.TestAccuracySum = "99"
	repaired := foldScene("0-2", damaged, a)
	repaired.fold()
	if got := repaired.state.Live; got.Shards != "0" || got.TestAccuracySum != "1.5" {
		t.Errorf("damaged sums were kept: %+v", got)
	}
}

func deletedNames(a *Actions) []string {
	var out []string
	for _, o := range a.Delete {
		out = append(out, o.GetName())
	}
	return out
}

// TestReportsOfEndedPods: a report stays until its shard is counted as done, though the pod has ended.
func TestReportsOfEndedPods(t *testing.T) {
	one := reportOf("a", 0, 2, "1.5")
	r := foldScene("", v1alpha1.StageStatus{}, one)
	e := &v1alpha1.Execution{Parallelism: ptr.To(int32(1))}
	r.o.Parts.Execution = e
	r.pods[0].Status.Phase = corev1.PodSucceeded
	r.pods[0].Labels = map[string]string{batchv1.JobCompletionIndexAnnotation: "0"}
	r.job, r.now = &batchv1.Job{}, time.Unix(0, 0)
	r.count()
	r.reports()
	if len(r.a.Delete) != 0 || len(r.a.Progress.Reports) != 1 {
		t.Errorf("deletes %v, folds %d live reports", deletedNames(r.a), len(r.a.Progress.Reports))
	}
}
