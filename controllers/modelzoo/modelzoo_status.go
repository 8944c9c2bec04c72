package modelzoo

import (
	"fmt"
	"math"
	"strconv"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/controllers/staged"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Forget implements staged.Adapter. What was trained before stays true until new numbers come.
func (Adapter) Forget(o client.Object) {
	z := o.(*v1alpha1.ModelZoo)
	z.Status.Models, z.Status.Epoch, z.Status.TestAccuracy = v1alpha1.ModelCounts{}, "", v1alpha1.MetricSummary{}
}

// Progress implements staged.Adapter.
func (Adapter) Progress(o client.Object, p staged.Progress) {
	z := o.(*v1alpha1.ModelZoo)
	zoo := p.Snapshot.Zoo
	if zoo == nil {
		return
	}
	z.Status.Parameters = int64(zoo.Parameters)
	planned := plan.CohortSize(zoo, 0) * len(zoo.Cohorts)
	if p.Result != nil && p.Result.Zoo != nil {
		finalStatus(z, zoo, p.Result.Zoo, planned)
		return
	}
	counts := liveCounts(z, &p, planned)
	counts.Planned = ptr.To(int32(planned))
	counts.Summary = fmt.Sprintf("%d/%d", *counts.Done, planned)
	z.Status.Models = counts
	liveEpoch(z, &p, zoo.Epochs)
	if s := liveAccuracy(p.Reports); s.Summary != "" {
		z.Status.TestAccuracy = s
	}
}

func finalStatus(z *v1alpha1.ModelZoo, zoo *spec.Zoo, r *spec.ZooResult, planned int) {
	z.Status.Models = v1alpha1.ModelCounts{
		Summary: fmt.Sprintf("%d/%d", r.Members, planned), Planned: ptr.To(int32(planned)), Done: ptr.To(int32(r.Members)),
		Diverged: ptr.To(int32(r.Diverged)), Failed: ptr.To(int32(0)),
	}
	z.Status.Epoch = fmt.Sprintf("%d/%d", zoo.Epochs, zoo.Epochs)
	z.Status.TestAccuracy = v1alpha1.MetricSummary{}
	if r.Members > r.Diverged {
		z.Status.TestAccuracy = summary(r.TestAccuracyMean, r.TestAccuracyStd)
	}
}

// liveCounts adds what finished shards hold to what running pods say. Once training is over
// every member is done.
func liveCounts(z *v1alpha1.ModelZoo, p *staged.Progress, planned int) v1alpha1.ModelCounts {
	done, failed, diverged := 0, 0, int(ptr.Deref(z.Status.Models.Diverged, 0))
	stage := &p.Snapshot.Stages[p.Stage]
	if stage.Name != spec.StageTrain {
		done = planned
		return v1alpha1.ModelCounts{Done: ptr.To(int32(done)), Diverged: ptr.To(int32(diverged)), Failed: ptr.To(int32(0))}
	}
	size := func(i int) int { return stage.Shards[i].To - stage.Shards[i].From }
	p.Completed.Each(func(i int) { done += size(i) })
	p.Failed.Each(func(i int) { failed += size(i) })
	live := 0
	for i := range p.Reports {
		r := &p.Reports[i]
		shard := int(ptr.Deref(r.Spec.Shard, 0))
		if shard >= len(stage.Shards) || p.Completed.Has(shard) || p.Failed.Has(shard) {
			continue
		}
		// A pod's word is bounded by its shard.
		done += min(int(ptr.Deref(r.Status.MembersDone, 0)), size(shard))
		live += min(int(ptr.Deref(r.Status.MembersDiverged, 0)), size(shard))
	}
	return v1alpha1.ModelCounts{Done: ptr.To(int32(done)), Diverged: ptr.To(int32(max(diverged, live))), Failed: ptr.To(int32(failed))}
}

// liveEpoch is the epoch that every running shard has finished.
func liveEpoch(z *v1alpha1.ModelZoo, p *staged.Progress, epochs int) {
	if p.Snapshot.Stages[p.Stage].Name != spec.StageTrain {
		z.Status.Epoch = fmt.Sprintf("%d/%d", epochs, epochs)
		return
	}
	lowest := -1
	for i := range p.Reports {
		if e := p.Reports[i].Status.Epoch; e != nil && (lowest < 0 || int(*e) < lowest) {
			lowest = min(int(*e), epochs)
		}
	}
	if lowest < 0 {
		if z.Status.Epoch == "" {
			z.Status.Epoch = fmt.Sprintf("0/%d", epochs)
		}
		return
	}
	z.Status.Epoch = fmt.Sprintf("%d/%d", lowest, epochs)
}

// liveAccuracy folds the sums of running pods; it is empty when there is nothing to say.
func liveAccuracy(reports []v1alpha1.RunReport) v1alpha1.MetricSummary {
	n, sum, squares := 0.0, 0.0, 0.0
	for i := range reports {
		s := &reports[i].Status
		members := float64(ptr.Deref(s.Members, 0) - ptr.Deref(s.MembersDiverged, 0))
		a, err1 := strconv.ParseFloat(string(s.TestAccuracySum), 64)
		b, err2 := strconv.ParseFloat(string(s.TestAccuracySquares), 64)
		if members <= 0 || err1 != nil || err2 != nil || a < 0 || a > members || b < 0 || b > members {
			continue
		}
		n, sum, squares = n+members, sum+a, squares+b
	}
	if n == 0 {
		return v1alpha1.MetricSummary{}
	}
	mean := sum / n
	return summary(mean, math.Sqrt(max(squares/n-mean*mean, 0)))
}

func summary(mean, std float64) v1alpha1.MetricSummary {
	return v1alpha1.MetricSummary{
		Summary: fmt.Sprintf("%.3f ± %.3f", mean, std), Mean: decimal(mean), Std: decimal(std),
	}
}

func decimal(f float64) v1alpha1.Decimal {
	return v1alpha1.Decimal(strconv.FormatFloat(f, 'g', 6, 64))
}
