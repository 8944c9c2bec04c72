package staged

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// FuzzDecide moves a zoo through whatever the bytes say may happen to it: pods and Jobs end in
// any way, children vanish, the user and the admin change their minds. checkActions holds after
// every pass: no panic, no child beyond the bound, nothing created twice.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, "0-1", goodResult)
	f.Add([]byte{5, 5, 0, 6, 0, 8, 0, 9, 0}, "1,0,99-3", `{"reason":"x"}`)
	f.Add([]byte{2, 0, 4, 0, 3, 12, 0, 13, 0, 14, 0}, "-", "")
	f.Fuzz(func(t *testing.T, moves []byte, indexes, message string) {
		s := newScenery(t)
		now := metav1.NewTime(sceneNow)
		for _, m := range moves[:min(len(moves), 40)] {
			if len(s.o.Jobs) == 0 && m%16 >= 1 && m%16 <= 5 {
				m = 0
			}
			var j *batchv1.Job
			if n := len(s.o.Jobs); n > 0 {
				j = &s.o.Jobs[int(m/16)%n]
			}
			stage := ""
			if j != nil {
				stage = j.Labels[v1alpha1.LabelStage]
			}
			switch m % 16 {
			case 1:
				s.pod(stage, int(m/16), nil, "", "")
			case 2:
				s.pod(stage, int(m/16), ok(), "", message)
			case 3:
				s.pod(stage, int(m/16), code([]int32{2, spec.ExitInvalidInput, spec.ExitIncomplete, spec.ExitCheckpointed, 137}[int(m/16)%5]), "OOMKilled", message)
			case 4:
				s.jobEnds(stage, batchv1.JobComplete, indexes)
			case 5:
				s.jobEnds(stage, batchv1.JobFailed, indexes)
				s.job(stage).Status.FailedIndexes = ptr.To(indexes)
			case 6:
				s.o.Jobs = nil
			case 7:
				s.o.Pods = nil
			case 8:
				s.o.Snapshot, s.o.Plans = nil, nil
			case 9:
				s.zoo().Spec.Suspend = ptr.To(m >= 128)
			case 10:
				s.zoo().Spec.Population.Seeds.Count += int32(m / 16)
				s.zoo().Generation++
			case 11:
				s.zoo().Spec.Parallelism = ptr.To(int32(m/16) * 1000)
			case 12:
				s.o.Stores[0].Spec.NamespaceSelector = nil
			case 13:
				s.zoo().DeletionTimestamp, s.zoo().Spec.DeletionPolicy = &now, v1alpha1.DeletionPolicyDelete
				s.zoo().Finalizers = []string{v1alpha1.FinalizerArtifacts}
			case 14:
				s.o.NamespaceTerminating = m >= 128
			case 15:
				fuzzStatus(s, m, indexes, message)
			}
			s.pass()
		}
	})
}

// fuzzStatus damages what status and reports hold.
func fuzzStatus(s *scenery, m byte, indexes, message string) {
	st := s.o.Parts.Status
	for i := range st.Stages {
		st.Stages[i].Live = v1alpha1.LiveSums{Shards: indexes, Members: ptr.To(int32(m) - 100), TestAccuracySum: v1alpha1.Decimal(message)}
		st.Stages[i].Attempt = int32(m) / 16
	}
	for i := range s.o.Reports {
		s.o.Reports[i].Status = v1alpha1.RunReportStatus{Members: ptr.To(int32(m)), TestAccuracySum: v1alpha1.Decimal(indexes), TestAccuracySquares: "1", SecondsLeft: ptr.To(int32(m))}
		s.o.Reports[i].Spec.Shard = ptr.To(int32(m) - 200)
	}
	for i := range s.o.Pods {
		s.o.Pods[i].Status.Phase = corev1.PodUnknown
	}
	if m >= 240 {
		st.Stages = nil
	}
}
