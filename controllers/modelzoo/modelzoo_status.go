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
	z.Status.Twins = nil
}

// Progress implements staged.Adapter.
func (Adapter) Progress(o client.Object, p staged.Progress) {
	z := o.(*v1alpha1.ModelZoo)
	zoo := p.Snapshot.Zoo
	if zoo == nil {
		return
	}
	z.Status.Architecture, z.Status.Parameters = zoo.Architecture, int64(zoo.Parameters)
	planned := plan.Total(zoo)
	if zoo.Import != nil {
		importProgress(z, &p)
		return
	}
	if p.Result != nil && p.Result.Zoo != nil {
		finalStatus(z, zoo, p.Result.Zoo, planned)
		return
	}
	counts := liveCounts(z, &p, planned)
	counts.Planned = ptr.To(int32(planned))
	counts.Summary = fmt.Sprintf("%d/%d", *counts.Done, planned)
	z.Status.Models = counts
	liveEpoch(z, &p, zoo.Epochs, planned)
	if s := liveSummary(z, &p); s.Summary != "" {
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
	z.Status.Twins = twinStatus(r.Twins)
}

// liveCounts adds what finished shards hold to what running pods say. Once training is over
// every member is done.
func liveCounts(z *v1alpha1.ModelZoo, p *staged.Progress, planned int) v1alpha1.ModelCounts {
	done, failed, diverged := 0, 0, int(ptr.Deref(z.Status.Models.Diverged, 0))
	stage := &p.Snapshot.Stages[p.Stage]
	if stage.Name != spec.StageTrain {
		diverged = max(diverged, foldedAccuracy(z, p).Diverged)
		return v1alpha1.ModelCounts{Done: ptr.To(int32(planned)), Diverged: ptr.To(int32(diverged)), Failed: ptr.To(int32(0))}
	}
	size := func(i int) int { return stage.Shards[i].To - stage.Shards[i].From }
	p.Completed.Each(func(i int) { done += size(i) })
	p.Failed.Each(func(i int) { failed += size(i) })
	live := foldedAccuracy(z, p).Diverged
	forRunning(p, func(shard int, r *v1alpha1.RunReportStatus) {
		// A pod's word is bounded by its shard.
		done += min(int(ptr.Deref(r.MembersDone, 0)), size(shard))
		live += min(int(ptr.Deref(r.MembersDiverged, 0)), size(shard))
	})
	return v1alpha1.ModelCounts{Done: ptr.To(int32(done)), Diverged: ptr.To(int32(max(diverged, live))), Failed: ptr.To(int32(failed))}
}

// liveEpoch is the mean over all planned members of the epochs they have finished, rounded
// down. It never falls within a plan, though a pod that resumes reports nothing at first.
func liveEpoch(z *v1alpha1.ModelZoo, p *staged.Progress, epochs, planned int) {
	stage := &p.Snapshot.Stages[p.Stage]
	if stage.Name != spec.StageTrain {
		z.Status.Epoch = fmt.Sprintf("%d/%d", epochs, epochs)
		return
	}
	size := func(i int) int { return stage.Shards[i].To - stage.Shards[i].From }
	total := 0
	p.Completed.Each(func(i int) { total += size(i) * epochs })
	forRunning(p, func(shard int, r *v1alpha1.RunReportStatus) {
		total += size(shard) * min(int(ptr.Deref(r.Epoch, 0)), epochs)
	})
	reached := 0
	if planned > 0 {
		reached = min(total/planned, epochs)
	}
	var before, of int
	if n, err := fmt.Sscanf(z.Status.Epoch, "%d/%d", &before, &of); err == nil && n == 2 && of == epochs {
		reached = max(reached, before)
	}
	z.Status.Epoch = fmt.Sprintf("%d/%d", reached, epochs)
}

// forRunning calls f for one report of each shard that has neither finished nor been given up;
// of several it takes the one that is furthest.
func forRunning(p *staged.Progress, f func(shard int, r *v1alpha1.RunReportStatus)) {
	best := map[int]*v1alpha1.RunReportStatus{}
	for i := range p.Reports {
		r := &p.Reports[i]
		shard := int(ptr.Deref(r.Spec.Shard, -1))
		if shard < 0 || shard >= len(p.Snapshot.Stages[p.Stage].Shards) || p.Completed.Has(shard) || p.Failed.Has(shard) {
			continue
		}
		if old := best[shard]; old == nil || ptr.Deref(r.Status.Epoch, 0) > ptr.Deref(old.Epoch, 0) {
			best[shard] = &r.Status
		}
	}
	for shard := range p.Snapshot.Stages[p.Stage].Shards { // in order: sums of floats depend on it
		if r := best[shard]; r != nil {
			f(shard, r)
		}
	}
}

// liveSummary is over all members seen so far: those of finished shards at their last values,
// which status keeps, and those of running shards. It is empty when there is nothing to say.
func liveSummary(z *v1alpha1.ModelZoo, p *staged.Progress) v1alpha1.MetricSummary {
	a := foldedAccuracy(z, p)
	stage := &p.Snapshot.Stages[p.Stage]
	if stage.Name == spec.StageTrain {
		forRunning(p, func(shard int, r *v1alpha1.RunReportStatus) {
			if live, ok := staged.AccuracyOf(r, stage.Shards[shard].To-stage.Shards[shard].From); ok {
				a.Add(live)
			}
		})
	}
	if a.Members == 0 {
		return v1alpha1.MetricSummary{}
	}
	mean := a.Sum / float64(a.Members)
	return summary(mean, math.Sqrt(max(a.Squares/float64(a.Members)-mean*mean, 0)))
}

// foldedAccuracy is what status keeps of the finished shards of this plan.
func foldedAccuracy(z *v1alpha1.ModelZoo, p *staged.Progress) staged.Accuracy {
	planned := plan.Total(p.Snapshot.Zoo)
	for i := range z.Status.Stages {
		if s := &z.Status.Stages[i]; s.Name == spec.StageTrain {
			if a, ok := staged.AccuracyOfStage(s, planned); ok {
				return a
			}
		}
	}
	return staged.Accuracy{}
}

func summary(mean, std float64) v1alpha1.MetricSummary {
	return v1alpha1.MetricSummary{
		Summary: fmt.Sprintf("%.3f ± %.3f", mean, std), Mean: decimal(mean), Std: decimal(std),
	}
}

func decimal(f float64) v1alpha1.Decimal {
	return v1alpha1.Decimal(strconv.FormatFloat(f, 'g', 6, 64))
}
