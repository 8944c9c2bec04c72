package faults

import (
	"fmt"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Kubelet plays the Job controller, the kubelet and the garbage collector. What it does depends
// on the objects alone.
type Kubelet struct {
	// Message is a pod's termination message, and its exit code.
	Message func(stage string) (string, int32)
	// Slow pods run for some passes; otherwise a Job ends in the pass that creates it.
	Slow bool
	// Report is what a slow pod of the training stage writes into its RunReport before it ends.
	// Pods wait for their RunReports. Nil: they end without.
	Report func(shard int32) v1alpha1.RunReportStatus
	// Busy says that running pods have more to do than any scenario waits for; nil: they have not.
	Busy func(w *World) bool
}

func (k *Kubelet) step(w *World) {
	k.collect(w)
	for _, j := range w.Jobs() {
		if len(j.Status.Conditions) == 0 {
			k.run(w, &j)
		}
	}
}

// collect removes what belongs to objects that are gone.
func (k *Kubelet) collect(w *World) {
	alive := map[string]bool{}
	for _, o := range w.objects() {
		alive[string(o.GetUID())] = true
	}
	for _, o := range w.objects() {
		if owner := metav1.GetControllerOf(o); owner != nil && !alive[string(owner.UID)] {
			w.Must(client.IgnoreNotFound(w.Delete(w.t.Context(), o)))
		}
	}
}

// run moves a Job on by one step: pods start, write their reports, end, and are counted.
func (k *Kubelet) run(w *World, j *batchv1.Job) {
	pods := map[int]*corev1.Pod{}
	for _, p := range w.Pods() {
		if metav1.IsControlledBy(&p, j) {
			n, err := strconv.Atoi(p.Labels[batchv1.JobCompletionIndexAnnotation])
			w.Must(err)
			pods[n] = &p
		}
	}
	completed := counted(j)
	failed := false
	for i := range int(*j.Spec.Completions) {
		p := pods[i]
		switch {
		case ptr.Deref(j.Spec.Suspend, false):
			if p != nil && p.Status.Phase == corev1.PodRunning {
				w.Must(w.Delete(w.t.Context(), p))
			}
			continue
		case slices.Contains(completed, i):
			continue
		case p == nil:
			p = k.start(w, j, i)
			if !k.Slow {
				k.end(w, j, p)
			}
		case p.Status.Phase == corev1.PodRunning:
			k.advance(w, j, p)
			continue
		}
		failed = failed || p.Status.Phase == corev1.PodFailed
		if p.Status.Phase == corev1.PodSucceeded {
			completed = append(completed, i)
		}
	}
	before := len(counted(j))
	text := ""
	for n, i := range completed {
		if n > 0 {
			text += ","
		}
		text += strconv.Itoa(i)
	}
	j.Status.CompletedIndexes = text
	switch {
	case failed:
		j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
	case len(completed) == int(*j.Spec.Completions) && (before == len(completed) || !k.Slow):
		j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
	}
	w.Must(w.Status().Update(w.t.Context(), j))
}

// counted are the completed indexes that the Job shows.
func counted(j *batchv1.Job) []int {
	var out []int
	for i := range int(*j.Spec.Completions) {
		for n, c := range j.Status.CompletedIndexes {
			if n%2 == 0 && int(c-'0') == i {
				out = append(out, i)
			}
		}
	}
	return out
}

func (k *Kubelet) start(w *World, j *batchv1.Job, i int) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: j.Namespace, Name: fmt.Sprintf("%s-%d", j.Name, i), Labels: map[string]string{batchv1.JobCompletionIndexAnnotation: strconv.Itoa(i)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(j, batchv1.SchemeGroupVersion.WithKind("Job"))},
		},
	}
	for key, v := range j.Spec.Template.Labels {
		p.Labels[key] = v
	}
	w.Must(w.Create(w.t.Context(), p))
	p.Status.Phase = corev1.PodRunning
	w.Must(w.Status().Update(w.t.Context(), p))
	return p
}

// advance lets a running pod write its report, then end.
func (k *Kubelet) advance(w *World, j *batchv1.Job, p *corev1.Pod) {
	if k.Busy != nil && k.Busy(w) {
		return
	}
	if k.Report != nil {
		r := &v1alpha1.RunReport{}
		if !w.Read(p.Namespace, p.Name, r) {
			return
		}
		if p.Labels[v1alpha1.LabelStage] == spec.StageTrain && r.Status.Members == nil {
			r.Status = k.Report(*r.Spec.Shard)
			w.Must(w.Status().Update(w.t.Context(), r))
			return
		}
	}
	k.end(w, j, p)
}

func (k *Kubelet) end(w *World, j *batchv1.Job, p *corev1.Pod) {
	message, code := k.Message(p.Labels[v1alpha1.LabelStage])
	p.Status.Phase = corev1.PodSucceeded
	if code != 0 {
		p.Status.Phase = corev1.PodFailed
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name:  j.Spec.Template.Spec.Containers[0].Name,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message}},
	}}
	w.Must(w.Status().Update(w.t.Context(), p))
}
