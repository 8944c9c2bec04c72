package staged

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

const (
	maxFailures       = 10
	maxFailureMessage = 1024
	maxReason         = 64
)

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ended is how one pod's container ended.
type ended struct {
	shard    int32
	exitCode int32
	oom      bool
	message  spec.Termination
}

// podEnd reads how a pod ended; false when its container did not. The message comes from a
// pod and is not trusted: what cannot be read is kept as text.
func podEnd(p *corev1.Pod) (ended, bool) {
	for i := range p.Status.ContainerStatuses {
		t := p.Status.ContainerStatuses[i].State.Terminated
		if p.Status.ContainerStatuses[i].Name != containerName || t == nil {
			continue
		}
		e := ended{shard: podShard(p), exitCode: t.ExitCode, oom: t.Reason == "OOMKilled"}
		if err := json.Unmarshal([]byte(t.Message), &e.message); err != nil {
			e.message = spec.Termination{Message: strings.TrimSpace(t.Message)}
		}
		if e.message.Reason == "" {
			e.message.Reason = t.Reason
		}
		return e, true
	}
	return ended{}, false
}

// text is what the pod said, with the field it names.
func (e *ended) text() string {
	msg := e.message.Message
	if e.message.Field != "" && !strings.Contains(msg, e.message.Field) {
		msg = e.message.Field + ": " + msg
	}
	if msg == "" {
		msg = fmt.Sprintf("exit code %d", e.exitCode)
	}
	return shorten(msg, maxFailureMessage)
}

// failuresOf samples failed pods of a stage, lowest shards first, one for each shard.
func failuresOf(stage string, pods []corev1.Pod) []v1alpha1.ShardFailure {
	byShard := map[int32]ended{}
	for i := range pods {
		e, ok := podEnd(&pods[i])
		if !ok || e.exitCode == spec.ExitOK || e.exitCode == spec.ExitCheckpointed || disrupted(&pods[i]) {
			continue
		}
		if old, seen := byShard[e.shard]; !seen || e.oom && !old.oom {
			byShard[e.shard] = e
		}
	}
	var out []v1alpha1.ShardFailure
	for _, e := range byShard {
		f := v1alpha1.ShardFailure{Stage: stage, Shard: ptr.To(e.shard), ExitCode: ptr.To(e.exitCode), Reason: shorten(e.message.Reason, maxReason), Message: e.text()}
		if e.oom {
			f.Reason = v1alpha1.ReasonOutOfMemory
		}
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return *out[i].Shard < *out[j].Shard })
	return out[:min(len(out), maxFailures)]
}

func disrupted(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// outOfMemory returns a pod that was killed for memory, if any.
func outOfMemory(pods []corev1.Pod) (ended, bool) {
	for i := range pods {
		if e, ok := podEnd(&pods[i]); ok && e.oom {
			return e, true
		}
	}
	return ended{}, false
}

// exitOf finds a pod that ended with a code. When pods are gone, the Job's own condition
// still tells the code.
func exitOf(job *batchv1.Job, pods []corev1.Pod, code int32) (ended, bool) {
	for i := range pods {
		if e, ok := podEnd(&pods[i]); ok && e.exitCode == code {
			return e, true
		}
	}
	c := jobCondition(job, batchv1.JobFailed)
	if c != nil && c.Reason == batchv1.JobReasonPodFailurePolicy && strings.Contains(c.Message, fmt.Sprintf("with exit code %d ", code)) {
		return ended{exitCode: code, message: spec.Termination{Message: c.Message}}, true
	}
	return ended{}, false
}

// resultOf reads the result that the last stage left in its pod's termination message.
func resultOf(kind string, pods []corev1.Pod) *spec.Result {
	for i := range pods {
		e, ok := podEnd(&pods[i])
		if ok && e.exitCode == spec.ExitOK && e.message.Result != nil && validResult(kind, e.message.Result) {
			return e.message.Result
		}
	}
	return nil
}

// validResult keeps a damaged message out of the status, where the schema would refuse it.
func validResult(kind string, r *spec.Result) bool {
	if !digestPattern.MatchString(r.ManifestDigest) || !digestPattern.MatchString(r.ResultDigest) || r.SizeBytes < 0 {
		return false
	}
	switch kind {
	case spec.KindModelZoo:
		z := r.Zoo
		return z != nil && z.Members >= 0 && z.Members <= math.MaxInt32 && z.Diverged >= 0 && z.Diverged <= z.Members &&
			finite(z.TestAccuracyMean) && finite(z.TestAccuracyStd)
	case spec.KindZooAnalysis:
		a := r.Analysis
		return a != nil && a.Models >= 0 && a.Models <= math.MaxInt32 && a.Checkpoints >= 0 && a.Checkpoints <= math.MaxInt32 &&
			finiteOrNil(a.Separation) && finiteOrNil(a.Kendall) && finiteOrNil(a.ProbeR2) && finiteOrNil(a.Agreement)
	case spec.KindDataset:
		d := r.Dataset
		return d != nil && d.Classes > 0 && d.Classes <= math.MaxInt32 && d.Channels > 0 && d.Height > 0 && d.Width > 0 && d.Train >= 0 && d.Validation >= 0 && d.Test >= 0
	}
	return false
}

func finiteOrNil(f *float64) bool { return f == nil || finite(*f) }

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// shorten cuts text to at most n bytes at a rune boundary.
func shorten(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= n {
		return s
	}
	const dots = "..."
	s = s[:n-len(dots)]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + dots
}
